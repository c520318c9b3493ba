# SPDX-License-Identifier: GPL-2.0
#
# GNUmakefile of the tree in kheaders.tar.xz.  make prefers it to Makefile.
#
# "make -C TREE M=DIR" builds modules with the compiler that built the kernel, unless
# CC= or LLVM= is given, and with BTF if this kernel is running.  If this machine lacks
# something needed for that, a one-line message reports it.
#
# The host programs in the tree run on machines like the one that built the kernel.  On
# other machines, rebuild them from their sources in the tree:
#
#	make hosttools
#
# or, if the tree lacks some of the sources, from DIR, a source tree of this kernel:
#
#	make hosttools KSRC=DIR
#
# With KSRC, give ARCH= and CROSS_COMPILE= as for a module.  HOSTCC defaults to cc.
# Either all programs are replaced or none.
#
# Before building the first Rust module, build the crates that such modules use:
#
#	make rust
#
# This requires the rustc that built the kernel and its rust-src.  If the tree has no
# rust/, it also requires KSRC=DIR and bindgen.

# Words with spaces or quotes are cut: they would need quoting, and name no program.
kheaders-word = $(if $(filter environment%,$(origin $1)),$(firstword $(subst ',,$($1))))
kheaders-given = $(filter-out default file undefined,$(firstword $(origin $1)))
kheaders-host = $(shell CROSS_COMPILE='$(CROSS_COMPILE)' PAHOLE='$(or $(PAHOLE),pahole)' \
	CC='$(call kheaders-word,CC)' BTF='$(call kheaders-given,CONFIG_DEBUG_INFO_BTF_MODULES)' \
	COMPILER='$(LLVM)$(filter command,$(call kheaders-given,CC))' \
	sh scripts/kheaders_host.sh $1)

ifeq ($(filter hosttools rust,$(MAKECMDGOALS)),)

# Without M=, Makefile builds its own host programs.
ifneq ($(M)$(KBUILD_EXTMOD),)
ifneq ($(filter-out clean help modules_install,$(or $(MAKECMDGOALS),modules)),)
kheaders-variables := $(call kheaders-host,build)
ifneq ($(wildcard $(or $(M),$(KBUILD_EXTMOD))/*.rs),)
ifeq ($(wildcard rust/libkernel.rmeta),)
kheaders-variables := stop run "make -C $(CURDIR) rust" once, before modules in Rust
endif
endif
ifeq ($(firstword $(kheaders-variables)),stop)
$(error $(wordlist 2,$(words $(kheaders-variables)),$(kheaders-variables)))
endif
MAKEOVERRIDES += $(kheaders-variables)
# With --no-print-directory, Makefile does not run a sub-make that would read MAKEOVERRIDES.
$(foreach variable,$(kheaders-variables),$(eval override $(subst =,:=,$(variable))))
endif
endif

# With W=1 Kbuild runs kernel-doc on each source.  It is not packed, as it takes 15 kB and
# is not needed to build modules; KHEADERS_EXTRA=scripts/kernel-doc adds it.
ifeq ($(wildcard scripts/kernel-doc tools/docs/kernel-doc),)
MAKEOVERRIDES += cmd_checkdoc=
endif

include Makefile

else ifneq ($(filter rust,$(MAKECMDGOALS)),)

.PHONY: rust
rust:
	+@KSRC='$(KSRC)' RUSTC='$(RUSTC)' BINDGEN='$(BINDGEN)' RUST_LIB_SRC='$(RUST_LIB_SRC)' \
		sh scripts/kheaders_rust.sh '$(MAKE)'

else

HOSTCC ?= cc
# A rebuilt program replaces Debian's wrapper and the programs that it starts.
kheaders-remade := $(sort $(foreach tool,$(call kheaders-host,tools),\
	$(firstword $(subst .real-, ,$(tool)))))

kheaders-fixdep := scripts/basic/fixdep.c
kheaders-modpost := $(filter-out %/empty.c %/mk_elfconfig.c %/devicetable-offsets.c,\
	$(wildcard scripts/mod/*.c))
kheaders-genksyms := $(addprefix scripts/genksyms/,genksyms.c lex.lex.c parse.tab.c)
kheaders-gendwarfksyms := $(wildcard scripts/gendwarfksyms/*.c)
kheaders-gendwarfksyms-libs := -ldw -lelf -lz
kheaders-recordmcount := scripts/recordmcount.c
kheaders-tracepoint-update := scripts/tracepoint-update.c $(wildcard scripts/elf-parse.c)

# Programs below tools/ are built by their own makefiles, which are in KSRC or packed by
# CONFIG_KHEADERS_TOOL_SOURCES.  Others whose sources are not in the tree are built from KSRC.
kheaders-tools := $(foreach tool,$(filter tools/%,$(kheaders-remade)),\
	$(if $(wildcard $(KSRC:%=%/)$(dir $(tool))Makefile),$(tool)))
kheaders-sources = $(or $(strip $(kheaders-$(notdir $1))),the-source-of-$(notdir $1))
kheaders-outside := $(strip $(foreach tool,$(filter-out $(kheaders-tools),$(kheaders-remade)),\
	$(if $(filter-out $(wildcard $(call kheaders-sources,$(tool))),\
	$(call kheaders-sources,$(tool))),$(tool))))

ifndef KSRC
# resolve_btfids is optional: without it modules are built without BTF.
ifneq ($(filter-out %/resolve_btfids,$(kheaders-outside)),)
$(error The sources of $(kheaders-outside) are not all in $(CURDIR); \
	pass this kernel's source tree with KSRC=DIR)
endif
kheaders-remade := $(filter-out $(kheaders-outside),$(kheaders-remade))
endif

.PHONY: hosttools kheaders-ksrc $(addsuffix .new,$(kheaders-remade))
hosttools: $(addsuffix .new,$(kheaders-remade))
	@for tool in $(kheaders-remade); do \
		mv "$$tool.new" "$$tool" && rm -f "$$tool".real-* || exit 1; \
	done
	@rm -rf .hosttools
	@echo "hosttools: $(or $(kheaders-remade:%=rebuilt %;),the programs in \
		$(CURDIR) run on this machine)$(if \
		$(KSRC),,$(kheaders-outside:%= KSRC=DIR would rebuild %))"

$(addsuffix .new,$(filter-out $(kheaders-tools) $(kheaders-outside),$(kheaders-remade))): %.new:
	@echo "  HOSTCC  $*"
	@$(HOSTCC) -O2 -w -I$(@D) -Iscripts/include -idirafter tools/include -o $@ \
		$(call kheaders-sources,$*) $(kheaders-$(notdir $*)-libs)

# Only BPF programs include the header that libbpf's makefile would generate in Python.  With -w
# the -Werror of these makefiles does not stop a compiler that knows more warnings.
kheaders-arch := $(notdir $(patsubst %/Makefile,%,$(firstword $(wildcard arch/*/Makefile))))
$(addsuffix .new,$(kheaders-tools)): %.new:
	@echo "  HOSTCC  $*"
	@rm -rf ".hosttools/$(@D)" && mkdir -p ".hosttools/$(@D)/libbpf"
	@touch ".hosttools/$(@D)/bpf_helper_defs.h" ".hosttools/$(@D)/libbpf/bpf_helper_defs.h"
	@LDFLAGS= $(MAKE) -s --no-print-directory -C "$(KSRC:%=%/)tools" \
		O="$(CURDIR)/.hosttools" subdir=tools CONFIG_SHELL=sh \
		HOSTCC='$(HOSTCC) -w' ARCH=$(kheaders-arch) SRCARCH=$(kheaders-arch) \
		$(patsubst tools/%/,%,$(dir $@))
	@cp ".hosttools/$*" "$@"

ifdef KSRC
# Build with the kernel's own Makefiles and this tree's configuration, except for Rust and
# for programs that need OpenSSL.
kheaders-unneeded := CONFIG_MODULE_SIG_FORMAT= CONFIG_SYSTEM_TRUSTED_KEYRING= \
	CONFIG_SYSTEM_REVOCATION_LIST= CONFIG_RUST=
$(addsuffix .new,$(kheaders-outside)): kheaders-ksrc
	@cp ".hosttools/ksrc/$(@:.new=)" "$@"

kheaders-ksrc:
	@test -e "$(KSRC)/scripts/basic/fixdep.c" || { \
		echo "hosttools: $(KSRC): not a kernel source tree" >&2; exit 1; }
	@rm -rf .hosttools/ksrc && mkdir -p .hosttools/ksrc && cp .config .hosttools/ksrc
	@$(MAKE) -s -C "$(KSRC)" O="$(CURDIR)/.hosttools/ksrc" olddefconfig
	@$(MAKE) -s -C "$(KSRC)" O="$(CURDIR)/.hosttools/ksrc" $(kheaders-unneeded) modules_prepare
endif

endif
