# SPDX-License-Identifier: GPL-2.0
#
# What people type.  "make" alone prints this help:
#
#H kheaders: the running kernel carries its headers and build files at
#H /sys/kernel/kheaders.tar.xz
#H
#H   make demo        show the whole way in a virtual machine, on a bare Debian 12
#H   make check       install what the tests need, then run those that CI runs
#H   make check-all   run those of the other kernels, too; hours
#H
#H   make KDIR=DIR    build kheaders.ko for the kernel whose build tree is DIR
#H   make module      the same for the running kernel
#H   make pack OUT=FILE [KDIR=DIR]
#H                    only pack the archive
#H   make series KSRC=DIR OUT=DIR
#H                    write the patches that build it into the kernel whose source
#H                    is KSRC, for "git am" or "patch -p1"
#H   make install     the module for KDIR and the program kheaders; install-program
#H                    installs the program alone; uninstall removes both.  DESTDIR=,
#H                    PREFIX= (/usr/local if not given)
#H   make bench       size, time and memory, against mainline's in the same run
#H   make lint        the quick checks alone
#H   make clean       remove what was built
#H
#H   CONTENT=full     what "make M=" needs (default); CONTENT=headers: for tracing
#H   KHEADERS_KEEP_COMMENTS=y
#H                    keep the comments in the headers
#H   BUILDDIR=DIR     where to build; build/ if not given
#H   KHEADERS_CACHE=DIR
#H                    where demo and check keep kernels; ~/.cache/kheaders if not
#H                    given

KDIR ?= /lib/modules/$(shell uname -r)/build
CONTENT ?= full
BUILDDIR ?= build
HOSTCC ?= cc

ifneq ($(words $(CURDIR) $(BUILDDIR)),2)
$(error BUILDDIR: Kbuild builds in no folder whose path has a blank, this one neither)
endif

out := $(abspath $(BUILDDIR))
sources := $(addprefix $(CURDIR)/kheaders/,Kbuild kheaders_sysfs.c kheaders_data.S) \
	$(CURDIR)/scripts/strip_comments.c

# A kernel tree was named: what is wanted is the module for it.
.DEFAULT_GOAL := $(if $(filter command%,$(origin KDIR) $(origin CONTENT)),module,help)

.PHONY: help
help:
	@sed -n 's/^#H \{0,1\}//p' Makefile

.PHONY: module
module: kdir
	@mkdir -p $(out) && ln -sf $(sources) $(out)
	@rm -rf $(out)/kdir
	@case "$$(realpath "$(KDIR)")" in \
	*[[:space:]]*) \
		echo "make: $(KDIR): Kbuild wants no blanks in a path; building in what its archive holds" >&2; \
		$(MAKE) pack OUT=$(out)/kdir.tar.xz CONTENT=full && mkdir $(out)/kdir && \
		tar -xf $(out)/kdir.tar.xz -C $(out)/kdir ;; \
	*)	ln -s "$$(realpath "$(KDIR)")" $(out)/kdir ;; \
	esac
	$(MAKE) -C $(out)/kdir M=$(out) CONFIG_KHEADERS_SYSFS=m \
		KHEADERS_CONTENT=$(CONTENT) modules

.PHONY: kdir
kdir:
	@test -e "$(KDIR)/include/config/auto.conf" || { \
		echo "make: $(KDIR): no kernel build tree there; install the headers of that kernel (on Debian: apt install linux-headers-$(shell uname -r)) or give another with KDIR=DIR" >&2; \
		exit 1; }

.PHONY: pack
pack: kdir $(out)/strip_comments
	@test -n "$(OUT)" || { \
		echo "make: OUT: not set; say where the archive goes with OUT=FILE" >&2; \
		exit 2; }
	STRIP_COMMENTS=$(out)/strip_comments scripts/pack_headers.sh \
		-b "$(KDIR)" -c $(CONTENT) $(if $(KHEADERS_KEEP_COMMENTS),-k) -o "$(OUT)"

$(out)/strip_comments: scripts/strip_comments.c
	@mkdir -p $(out)
	$(HOSTCC) -O2 -Wall -Wextra -Werror -o $@ $<

.PHONY: demo
demo:
	@vm/demo

# What CI runs, by cost; check-all adds the other kernel lines.
checks := lint strip fuzz fuzz_program pack_faults pack reproducible module guest demo meta tokens \
	guest@6.12 series tree program install android readers packages kinds containers
all_checks := guest@5.10 guest@7.x tokens@5.10 tokens@6.12 tokens@7.x \
	tokens@5.10/arm64 tokens@6.1/arm64 tokens@6.12/arm64 tokens@7.x/arm64 \
	series@5.10 series@6.12 series@7.x tree@5.10 tree@6.12 tree@7.x tree@6.12/arm64 \
	tree@6.1/um steps steps@5.10 kbuild kbuild@5.10 images images@6.12/arm64 \
	kselftest variants variants@6.12 debug arches dkms packages@6.12 packages@7.x \
	objects objects@6.12 objects@7.x clients clients@6.12 mixed otherhost@6.12/arm64 \
	boot openrc debian powercut attack systemtap selinux android_guest@6.12/arm64 \
	embedded@6.12/arm64

run = tests/run -t 3600 $(foreach t,$1,tests/$(firstword $(subst @, ,$t)).sh$(if \
	$(findstring @,$t),@$(lastword $(subst @, ,$t))))

.PHONY: deps deps-all
deps:
	@vm/deps check
deps-all:
	@vm/deps check-all

.PHONY: check check-all lint
check: deps
	@$(call run,$(checks))

check-all: export FUZZ_RUNS := 10000000
check-all: export KHEADERS_RECORD := y
check-all: export KHEADERS_PACKAGES := all
check-all: export KHEADERS_KILLS := 1000
check-all: deps-all
	@$(call run,$(checks) $(all_checks))

lint: deps
	@$(call run,lint)

# The program serves all kernels, the module the one whose build tree is KDIR.
.PHONY: install install-module install-program uninstall
install: install-module install-program

install-module: module
	$(MAKE) -C $(out)/kdir M=$(out) CONFIG_KHEADERS_SYSFS=m \
		INSTALL_MOD_PATH="$(DESTDIR)" modules_install

install-program:
	$(MAKE) -C userspace BUILDDIR=$(out)/userspace install

uninstall:
	$(MAKE) -C userspace BUILDDIR=$(out)/userspace uninstall
	rm -f "$(DESTDIR)/lib/modules"/*/extra/kheaders.ko* \
		"$(DESTDIR)/lib/modules"/*/updates/kheaders.ko*

.PHONY: series
series:
	@test -n "$(KSRC)" && test -n "$(OUT)" || { \
		echo "make: series: needs KSRC=DIR, the source of a kernel, and OUT=DIR" >&2; \
		exit 2; }
	@patches/generate "$(KSRC)" "$(OUT)"

.PHONY: bench
bench: deps
	@bench/pack
	@bench/plot
	@bench/read
	@bench/extract
	@bench/pch

.PHONY: clean
clean:
	rm -rf $(out)
