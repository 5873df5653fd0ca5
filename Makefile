# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
#   make                build everything into build/
#   sudo make demo      install what is missing, build, show it working
#   sudo make check     install what is missing, build, run every test
#   sudo make bench     measure; figures in build/bench/
#   make install        DESTDIR= PREFIX=
#
# Variables: CC, CLANG, SAN=1 (ASan and UBSan, built into build-san/), V=1.

PREFIX	?= /usr/local
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
	    $(if $(TSAN),-fsanitize=thread)
CFLAGS	?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARN) $(CFLAGS) $(SANFLAGS) -D_GNU_SOURCE \
	      -fno-strict-aliasing -pthread -MMD -MP \
	      -Iinclude -Iagent -I$(B)/gen
ALL_LDFLAGS := $(LDFLAGS) $(SANFLAGS) -pthread
LIBS	:= -lxdp -lbpf -lyaml -ljansson -lmicrohttpd -lurcu-qsbr -lurcu-cds \
	   -lmnl -lcap-ng -lsystemd
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
TOOL_BPF := $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.bpf.c))
UNIT	:= $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
BPFTEST	:= $(patsubst %.c,$(B)/%,$(wildcard tests/bpf/test_*.c))
FUZZ	:= $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
MAN	:= pktagent.8 pktctl.8 pktagent.yaml.5

all: agent tools

agent: $(B)/pktagent $(B)/pktctl

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

# Warnings of tests' and tools' own; they are built like the product.
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lcmocka $(LIBS) -o $@

$(B)/tests/bpf/%: $(B)/tests/bpf/%.o $(B)/libagent.a
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lcmocka $(LIBS) -o $@

$(B)/tests/tools/%: $(B)/tests/tools/%.o
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lxdp -lbpf -ljansson -lm -o $@

$(B)/tests/bench/%: $(B)/tests/bench/%.o
	@echo "  LINK    $@"
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lxdp -lbpf -ljansson -lm -o $@

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
	@tests/demo/demo.sh
DEMO_TOOLS = $(addprefix $(B)/tests/tools/,tapvm frames)
DEMO_JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# Some of them: make check T='net/* unit/test_fdb'
check:
	@tests/run.sh $(T)

# Figures in build/bench/dataplane.json and .svg; see README.md.
bench: agent tools
	$(Q)tests/bench/dataplane.sh

clean:
	rm -rf build build-san build-tsan build-clang compile_commands.json

FORCE:
.PHONY: all agent tools bench unit bpftest fuzz deps demo check clean FORCE
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(B) -name '*.d' 2>/dev/null)
