/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What datapath.c and datapath_maps.c share. */
#ifndef PORTS_DATAPATH_PRIVATE_H
#define PORTS_DATAPATH_PRIVATE_H

#include "ports/datapath.h"

#include "dataplane.skel.h"	/* wants the types above */

#define PATH_SIZE	320

struct attached {
	char ifname[IFNAMSIZ];
	int fd;				/* owned: the link */
};

struct datapath {
	struct dataplane *skel;		/* owned */
	struct agent_state *state;	/* owned: the map's page */
	struct vm_credit *credits;	/* owned: the map's pages */
	struct police *polices;		/* owned: the map's pages */
	struct bpf_link *devmap_drops, *redirect_drops;	/* owned */
	struct attached links[PKT_MAX_PORTS];
	uint32_t n_links;
	bool no_meta;
	char root[256];			/* agent.bpffs */
	char dir[PATH_SIZE - 40];	/* with the version */
	char maps_dir[PATH_SIZE - 32];
	char links_dir[PATH_SIZE - 32];
};

#endif
