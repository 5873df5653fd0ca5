# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make                build everything into build/
#   sudo make demo      install what is missing, build, show it working;
#                       HOLD=1 leaves the lab up until Ctrl-C
#   sudo make check     install what is missing, build, run every test
#   sudo make bench     measure; figures in build/bench/
#   sudo make bench-pvp the same of VMs, beside testpmd and Open vSwitch;
#                       ROUNDS= CASES= SIZES= SWITCHES= PROFILE=1
#   sudo make bench-pools  what pools that breathe are worth;
#                       ROUNDS= CASES= SECS= ...
#   sudo make bench-qos rates between VMs of several hosts, beside the kernel's;
#                       CASES= KINDS= LINK= ...
#   make bench-rates    the rate control between VMs, in simulation; RATES=
#                       options of tests/bench/ratesim
#   make install        DESTDIR= PREFIX= SYSCONFDIR= UNITDIR=
#   make uninstall      the same variables; the configuration stays
#   make tidy           clang-tidy
#   make compile_commands.json
#
# Variables: CC, CLANG, SAN=1 (ASan and UBSan, built into build-san/), V=1.

PREFIX	?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR	?= $(PREFIX)/lib/systemd/system
BINDIR	:= $(PREFIX)/sbin
MANDIR	:= $(PREFIX)/share/man
DOCDIR	:= $(PREFIX)/share/doc/pktagent
CC	:= $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
CLANG	?= clang
BPFTOOL	?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
B	:= $(if $(SAN),build-san,$(if $(TSAN),build-tsan,build))
Q	:= $(if $(V),,@)

VERSION	:= $(shell git describe --tags --always --dirty 2>/dev/null || \
		   cat VERSION 2>/dev/null || echo unknown)

WARN	:= -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	   -Wpointer-arith -Wvla -Werror
SANFLAGS := $(if $(SAN),-fsanitize=address -fsanitize=undefined \
			-fno-sanitize-recover=all -fno-omit-frame-pointer) \
	    $(if $(TSAN),-fsanitize=thread \
			$(if $(findstring clang,$(CC)),,-Wno-tsan))
CFLAGS	?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS) $(SANFLAGS) -D_GNU_SOURCE \
	      -fno-strict-aliasing -pthread -MMD -MP \
	      -Iinclude -Iagent -I$(B)/gen
ALL_LDFLAGS := $(LDFLAGS) $(SANFLAGS) -pthread
LIBS	:= -lxdp -lbpf -lyaml -ljansson -lmicrohttpd -lurcu-qsbr -lurcu-cds \
	   -lmnl -lcap-ng -lsystemd -lsodium
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -std=gnu11 -Wall -Wextra -Wshadow \
	      -Werror -MMD -MP -Iinclude -Ibpf \
	      -I/usr/include/$(shell uname -m)-linux-gnu

MAINS	:= agent/main.c agent/pktctl.c
LIB_SRC	:= $(filter-out $(MAINS),$(wildcard agent/*.c agent/*/*.c))
LIB_OBJ	:= $(LIB_SRC:%.c=$(B)/%.o)
BPF_SRC	:= $(wildcard bpf/*.bpf.c)
# The maps come first: libbpf 1.1's linker leaves a map's offset at 0 if it has
# met it as extern before its definition.
BPF_OBJ	:= $(B)/bpf/maps.bpf.o \
	   $(filter-out %/maps.bpf.o,$(BPF_SRC:%.c=$(B)/%.o))
TOOLS	:= $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c tests/bench/*.c))
TOOLS	:= $(filter-out %.bpf,$(TOOLS))
TOOL_BPF := $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.bpf.c \
	    tests/net/*.bpf.c))
UNIT	:= $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FRONT_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/front/*.c))
BPFTEST	:= $(patsubst %.c,$(B)/%,$(wildcard tests/bpf/test_*.c))
FUZZ	:= $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
MAN	:= $(patsubst configs/man/%,$(B)/man/%,$(wildcard configs/man/*.[0-9])) \
	   $(B)/man/pktagent.yaml.5

all: agent tools

agent: $(B)/pktagent $(B)/pktctl $(MAN) $(B)/pktagent.service

tools: $(TOOLS) $(TOOL_BPF)

# ---- the BPF object: one object per hook, linked into one ----

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/tests/bench/%.bpf.o: tests/bench/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/tests/net/%.bpf.o: tests/net/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/gen/parser.skel.h: $(B)/tests/bpf/parser.bpf.o
	@mkdir -p $(@D)
	@echo "  SKEL    $@"
	$(Q)$(BPFTOOL) gen skeleton $< name parser > $@.tmp && mv $@.tmp $@

$(B)/tests/bpf/test_parser.o: $(B)/gen/parser.skel.h

$(B)/bpf/dataplane.o: $(BPF_OBJ)
	@echo "  BPFLINK $@"
	$(Q)$(BPFTOOL) gen object $@ $^

$(B)/gen/dataplane.skel.h: $(B)/bpf/dataplane.o
	@mkdir -p $(@D)
	@echo "  SKEL    $@"
	$(Q)$(BPFTOOL) gen skeleton $< name dataplane > $@.tmp && mv $@.tmp $@

$(B)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define PKTAGENT_VERSION "$(VERSION)"' > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@

# ---- manual pages and the unit, with this installation's paths ----

FILL	 = sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' \
	       -e 's|@DOCDIR@|$(DOCDIR)|g' -e 's|@VERSION@|$(VERSION)|g'

$(B)/man/%: configs/man/% FORCE
	@mkdir -p $(@D)
	$(Q)$(FILL) $< > $@

$(B)/man/pktagent.yaml.5: configs/man/pktagent.yaml.5.in $(B)/pktagent FORCE
	@mkdir -p $(@D)
	$(Q)$(B)/pktagent --print-config-keys > $@.keys
	$(Q)$(FILL) -e '/^@KEYS@$$/{r $@.keys' -e 'd}' $< > $@
	@rm $@.keys

$(B)/pktagent.service: configs/pktagent.service.in FORCE
	@mkdir -p $(@D)
	$(Q)$(FILL) $< > $@

# ---- C ----

$(B)/%.o: %.c | $(B)/gen/dataplane.skel.h $(B)/gen/version.h
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/libagent.a: $(LIB_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/pktagent: $(B)/agent/main.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

$(B)/pktctl: $(B)/agent/pktctl.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

# The vhost-user front-end of tests and benchmarks.
$(B)/libfront.a: $(FRONT_OBJ)
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

# Warnings of tests' and tools' own; they are built like the product.
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libagent.a $(B)/libfront.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lcmocka $(LIBS) -lm -o $@

$(B)/tests/bpf/%: $(B)/tests/bpf/%.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lcmocka $(LIBS) -o $@

$(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libfront.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lxdp -lbpf -ljansson -lm -o $@

# Prints what the agent would.
$(B)/tests/tools/metrics: $(B)/tests/tools/metrics.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libfront.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lxdp -lbpf -ljansson -lm -o $@

# Measure, or run, parts of the agent itself.
$(B)/tests/bench/ratesim $(B)/tests/bench/shapetime: $(B)/tests/bench/%: \
		$(B)/tests/bench/%.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -lm -o $@

# Fuzzers: libFuzzer is clang's, so the library is built once more by clang.
FUZZ_CFLAGS := $(filter-out $(SANFLAGS),$(ALL_CFLAGS)) \
	       -fsanitize=fuzzer-no-link,address,undefined \
	       -fno-sanitize-recover=all
FUZZ_LIB_OBJ := $(LIB_SRC:%.c=$(B)/fuzzobj/%.o)

$(B)/fuzzobj/%.o: %.c | $(B)/gen/dataplane.skel.h $(B)/gen/version.h
	@mkdir -p $(@D)
	@echo "  CLANG   $<"
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -c $< -o $@

$(B)/tests/fuzz/%: $(B)/fuzzobj/tests/fuzz/%.o $(FUZZ_LIB_OBJ)
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	$(Q)$(CLANG) -fsanitize=fuzzer,address,undefined -pthread $^ $(LIBS) -o $@

unit: $(UNIT)
bpftest: $(BPFTEST)
fuzz: $(FUZZ)

# The packages of tests/packages that are missing.
deps:
	@tests/deps.sh

# A make of its own: by then the compilers are there.
demo:
	@tests/deps.sh demo
	@$(MAKE) --no-print-directory $(DEMO_JOBS) agent $(DEMO_TOOLS)
	@tests/demo/demo.sh $(if $(HOLD),--hold)
DEMO_TOOLS = $(addprefix $(B)/tests/tools/,tapvm frames)
DEMO_JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# Some of them: make check T='net/* unit/test_fdb'
check:
	@set -f; tests/run.sh $(T)

# Figures in build/bench/dataplane.json and .svg; see README.md.
bench: agent tools
	$(Q)tests/bench/dataplane.sh

# The agent beside other switches, with vhost-user guests; see the script.
bench-pvp:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory $(DEMO_JOBS) agent $(PVP_TOOLS)
	$(Q)tests/bench/pvp.sh
PVP_TOOLS = $(addprefix $(B)/tests/bench/,pvp pvp.bpf.o pvpresult)

# What pools that breathe are worth; see the script.
bench-pools:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory $(DEMO_JOBS) agent $(POOLS_TOOLS)
	$(Q)tests/bench/pools.sh
POOLS_TOOLS = $(addprefix $(B)/tests/bench/,pools pvp.bpf.o result)

# Rates between VMs of several hosts; see the script.
bench-qos:
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory $(DEMO_JOBS) agent $(QOS_TOOLS)
	$(Q)tests/bench/qos.sh
QOS_TOOLS = $(addprefix $(B)/tests/,tools/qosflow \
	$(addprefix bench/,qoseval result shapetime ratesim))

# The rate control between VMs, simulated: build/bench/rates-sim.json and .svg.
bench-rates: $(B)/tests/bench/ratesim
	@mkdir -p $(B)/bench
	$(Q)$< --dir $(B)/bench $(RATES)

# ---- for tools that read C ----

C_SRC	:= $(MAINS) $(LIB_SRC) $(wildcard tests/unit/*.c tests/tools/*.c \
	   tests/front/*.c) \
	   $(filter-out %.bpf.c,$(wildcard tests/bpf/*.c tests/bench/*.c))
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
ALL_BPF	:= $(BPF_SRC) $(wildcard tests/bpf/*.bpf.c tests/bench/*.bpf.c \
	   tests/net/*.bpf.c)
comma	:= ,
entry	 = {"directory": "$(CURDIR)"$(comma) "file": "$(1)"$(comma) \
	   "command": "$(strip $(2)) -c $(1) -o $(B)/$(1:.c=.o)"}
entries	 = $(foreach f,$(C_SRC),$(call entry,$f,$(CC) $(ALL_CFLAGS))) \
	   $(foreach f,$(FUZZ_SRC),$(call entry,$f,$(CLANG) $(FUZZ_CFLAGS))) \
	   $(foreach f,$(ALL_BPF),$(call entry,$f,$(CLANG) $(BPF_CFLAGS)))

compile_commands.json: FORCE
	@echo "  GEN     $@"
	$(file > $@,[$(subst } {,}$(comma) {,$(entries))])

# See .clang-tidy.
tidy: compile_commands.json $(B)/gen/dataplane.skel.h $(B)/gen/version.h \
      $(B)/gen/parser.skel.h
	$(Q)printf '%s\n' $(C_SRC) $(FUZZ_SRC) | \
		xargs -P $(shell nproc) -n 4 clang-tidy --quiet -p .

# ---- installing ----

# The configuration of an earlier installation is left alone.
install: agent
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(DOCDIR) \
		$(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)/pktagent
	install -m 755 $(B)/pktagent $(B)/pktctl $(DESTDIR)$(BINDIR)
	install -m 644 $(filter %.8,$(MAN)) $(DESTDIR)$(MANDIR)/man8
	install -m 644 $(filter %.5,$(MAN)) $(DESTDIR)$(MANDIR)/man5
	install -m 644 README.md LICENSE configs/pktagent.yaml \
		configs/minimal.yaml configs/grafana/pktagent.json \
		$(DESTDIR)$(DOCDIR)
	install -m 644 $(B)/pktagent.service $(DESTDIR)$(UNITDIR)

uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,pktagent pktctl)
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man8/,$(notdir $(filter %.8,$(MAN))))
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man5/,$(notdir $(filter %.5,$(MAN))))
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,README.md LICENSE pktagent.yaml \
		minimal.yaml pktagent.json)
	rm -f $(DESTDIR)$(UNITDIR)/pktagent.service
	-rmdir $(DESTDIR)$(DOCDIR) $(DESTDIR)$(SYSCONFDIR)/pktagent 2> /dev/null

clean:
	rm -rf build build-san build-tsan build-clang compile_commands.json

FORCE:
.PHONY: all install uninstall tidy agent tools bench bench-pvp bench-pools bench-qos bench-rates unit bpftest fuzz deps demo check clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(B) -name '*.d' 2>/dev/null)
