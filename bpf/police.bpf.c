// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The buckets, as a function of its own: see police.bpf.h. */
#include "police.bpf.h"

int police_pass(__u32 key, __u32 len)
{
	struct police *p = bpf_map_lookup_elem(&police, &key);

	return !p || police_take(p, bpf_ktime_get_ns(), len);
}
