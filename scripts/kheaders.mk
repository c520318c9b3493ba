# SPDX-License-Identifier: GPL-2.0
#
# GNUmakefile of the tree that kheaders.tar.xz holds; make reads it before Makefile.
#
# "make -C TREE M=DIR" builds modules by the compiler that built the kernel, unless CC=
# or LLVM= is given, and with BTF where the running kernel is this one.  Where this
# machine lacks something for that, one line says so.
#
# The programs in the tree run on machines like the one that built the kernel.  On
# others
#
#	make hosttools
#
# makes them from their sources in the tree, or, where the tree has none or not all,
#
#	make hosttools KSRC=DIR
#
# from DIR, a source tree of this kernel, and there with ARCH= and CROSS_COMPILE= as
# for a module.  HOSTCC is the compiler, cc if not given.  All of them are replaced or
# none.

# Rust modules are built once
#
#	make rust
#
# has built the crates that they use, which takes the rustc that built the kernel and
# its rust-src; with KSRC=DIR and bindgen also where the tree has no rust/.

# What the shell would take apart is left out, and is no name of a program.
kheaders-word = $(if $(filter environment%,$(origin $1)),$(firstword $(subst ',,$($1))))
kheaders-given = $(filter-out default file undefined,$(firstword $(origin $1)))
kheaders-host = $(shell CROSS_COMPILE='$(CROSS_COMPILE)' PAHOLE='$(or $(PAHOLE),pahole)' \
	CC='$(call kheaders-word,CC)' BTF='$(call kheaders-given,CONFIG_DEBUG_INFO_BTF_MODULES)' \
	COMPILER='$(LLVM)$(filter command,$(call kheaders-given,CC))' \
	sh scripts/kheaders_host.sh $1)

ifeq ($(filter hosttools rust,$(MAKECMDGOALS)),)

# Makefile makes its own programs when no module is built.
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
# Makefile does without a make of its own if it is called with --no-print-directory.
$(foreach variable,$(kheaders-variables),$(eval override $(subst =,:=,$(variable))))
endif
endif

# With W=1 Kbuild runs kernel-doc on each source, which no module needs and which would
# take 15 kB; KHEADERS_EXTRA=scripts/kernel-doc packs it.
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
# Debian's wrappers go with what they start.
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

# Those whose sources are not all in the tree come from KSRC.
kheaders-sources = $(or $(strip $(kheaders-$(notdir $1))),the-source-of-$(notdir $1))
kheaders-outside := $(strip $(foreach tool,$(kheaders-remade),\
	$(if $(filter-out $(wildcard $(call kheaders-sources,$(tool))),\
	$(call kheaders-sources,$(tool))),$(tool))))

ifndef KSRC
# Without resolve_btfids modules are built all the same, without BTF.
ifneq ($(filter-out %/resolve_btfids,$(kheaders-outside)),)
$(error The sources of $(kheaders-outside) are not all in $(CURDIR); \
	name those of this kernel with KSRC=DIR)
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

$(addsuffix .new,$(filter-out $(kheaders-outside),$(kheaders-remade))): %.new:
	@echo "  HOSTCC  $*"
	@$(HOSTCC) -O2 -w -I$(@D) -Iscripts/include -Itools/include -o $@ \
		$(call kheaders-sources,$*) $(kheaders-$(notdir $*)-libs)

ifdef KSRC
# What the kernel's own Makefiles make of this tree's configuration, but for programs
# that take OpenSSL and for Rust.
kheaders-unneeded := CONFIG_MODULE_SIG_FORMAT= CONFIG_SYSTEM_TRUSTED_KEYRING= \
	CONFIG_SYSTEM_REVOCATION_LIST= CONFIG_RUST=
$(addsuffix .new,$(kheaders-outside)): kheaders-ksrc
	@cp ".hosttools/$(@:.new=)" "$@"

kheaders-targets := $(sort $(foreach tool,$(kheaders-outside),\
	$(if $(filter tools/%,$(tool)),$(patsubst %/,%,$(dir $(tool))),modules_prepare)))
kheaders-ksrc:
	@test -e "$(KSRC)/scripts/basic/fixdep.c" || { \
		echo "hosttools: $(KSRC): no kernel source there" >&2; exit 1; }
	@rm -rf .hosttools && mkdir .hosttools && cp .config .hosttools
	@$(MAKE) -s -C "$(KSRC)" O="$(CURDIR)/.hosttools" olddefconfig
	@$(MAKE) -s -C "$(KSRC)" O="$(CURDIR)/.hosttools" $(kheaders-unneeded) $(kheaders-targets)
endif

endif
