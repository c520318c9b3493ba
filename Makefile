# SPDX-License-Identifier: GPL-2.0
#
# The project's targets.  "make" alone prints this help:
#
#H kheaders: build modules for, and trace, any Linux kernel with the headers it carries
#H itself, at /sys/kernel/kheaders.tar.xz
#H
#H   make demo        show everything in a virtual machine, on a bare Debian 12 or later
#H   make check       install what the tests need, and run those that CI runs;
#H                    T="strip guest@6.12" selects tests, J=N runs N at once
#H   make check-all   run all tests on all kernel series; takes hours.  It continues where it
#H                    ended on the same commit, and T= makes it in parts
#H   make list-tests  list the tests with their purpose
#H
#H   make KDIR=DIR    build kheaders.ko for the kernel whose build tree is DIR
#H   make module      the same for the running kernel
#H   make pack OUT=FILE [KDIR=DIR]
#H                    pack only the archive
#H   make series KSRC=DIR OUT=DIR
#H                    write the patches that build it into the kernel whose source
#H                    is KSRC, for "git am" or "patch -p1";
#H                    COVER=y adds a cover letter
#H   make install     install the module for KDIR and the program; install-program
#H                    installs only the program, uninstall removes both.  DESTDIR=,
#H                    PREFIX= (/usr/local by default)
#H   make install-dkms
#H                    install the module's source where dkms looks for it
#H   make dist        write build/kheaders-VERSION.tar.xz, the source of the last commit
#H   make release     tag the last commit as the version in VERSION, if NEWS, the figures and
#H                    the last check-all are those of this commit
#H   make bench       measure size, time and memory against CONFIG_IKHEADERS
#H   make lint        run only the quick checks
#H   make html        render the manual pages into build/html
#H   make clean       remove build/
#H
#H   CONTENT=full     what "make M=" needs (default); CONTENT=headers: for tracing
#H   KHEADERS_KEEP_COMMENTS=y
#H                    keep the comments in the headers
#H   KHEADERS_EXTRA="FILE..."
#H                    pack more files, named below the source tree or the build tree
#H   BUILDDIR=DIR     where to build; build/ by default
#H   KHEADERS_CACHE=DIR
#H                    where demo and check keep kernels; by default kheaders in
#H                    $XDG_CACHE_HOME or ~/.cache
#H   TMPDIR=DIR       where check has temporary files; by default /dev/shm where 12 GB of
#H                    memory are available, else /tmp
#H   TIMEOUT=SECONDS  how long a test may take; 1800 by default, 7200 in check-all
#H
#H The scripts in vm/, bench/, patches/ and tests/run print their usage with -h.

KDIR ?= /lib/modules/$(shell uname -r)/build
CONTENT ?= full
BUILDDIR ?= build
HOSTCC ?= cc

version := $(shell cat VERSION)
out := $(abspath $(BUILDDIR))
sources := $(addprefix $(CURDIR)/kheaders/,Kbuild kheaders_sysfs.c kheaders_data.S) \
	$(CURDIR)/scripts/strip_comments.c

# With KDIR= or CONTENT= given, the default is to build the module.
.DEFAULT_GOAL := $(if $(filter command%,$(origin KDIR) $(origin CONTENT)),module,help)

ifneq ($(or $(MAKECMDGOALS),$(.DEFAULT_GOAL)),help)
ifneq ($(words $(CURDIR) $(BUILDDIR)),2)
$(error $(if $(word 2,$(CURDIR)),$(CURDIR),BUILDDIR): Kbuild does not support spaces in \
	paths; move to a directory without one)
endif
endif

.PHONY: help
help:
	@sed -n 's/^#H \{0,1\}//p' Makefile

.PHONY: module
module: tools kdir
	@mkdir -p $(out) && ln -sf $(sources) $(out)
	@rm -rf $(out)/kdir
	@case "$$(realpath "$(KDIR)")" in \
	*[[:space:]]*) \
		echo "make: $(KDIR): Kbuild does not support spaces in paths;" \
			"building in a tree extracted from its archive" >&2; \
		$(MAKE) pack OUT=$(out)/kdir.tar.xz CONTENT=full && mkdir $(out)/kdir && \
		tar -xf $(out)/kdir.tar.xz -C $(out)/kdir ;; \
	*)	ln -sfn "$$(realpath "$(KDIR)")" $(out)/kdir ;; \
	esac
	$(MAKE) -C $(out)/kdir M=$(out) CONFIG_KHEADERS_SYSFS=m \
		KHEADERS_CONTENT=$(CONTENT) modules

.PHONY: kdir
kdir:
	@test -e "$(KDIR)/include/config/auto.conf" || { \
		echo "make: $(KDIR): not a kernel build tree; install the headers of that kernel" \
			"($$(scripts/needs -p kernel-tree)) or give another with KDIR=DIR" >&2; \
		exit 1; }

# What packing needs; any of them may have arguments.
.PHONY: tools
tools:
	@CC="$(HOSTCC)" scripts/needs $(firstword $(HOSTCC)) stdio.h $(firstword $(or $(TAR),tar)) \
		$(firstword $(or $(XZ),xz)) $(firstword $(or $(AWK),awk))

.PHONY: pack
pack: tools kdir $(out)/strip_comments
	@test -n "$(OUT)" || { \
		echo "make: OUT: not set; say where the archive goes with OUT=FILE" >&2; \
		exit 2; }
	STRIP_COMMENTS=$(out)/strip_comments scripts/pack_headers.sh \
		-b "$(KDIR)" -c $(CONTENT) $(if $(KHEADERS_KEEP_COMMENTS),-k) -o "$(OUT)"

$(out)/strip_comments: scripts/strip_comments.c | tools
	@mkdir -p $(out)
	$(HOSTCC) -O2 -Wall -Wextra -o $@ $<

.PHONY: demo
demo:
	@vm/demo

# tests/matrix lists the tests.  T=NAMES selects some of them, J=N runs N at once.
T ?= check
run_tests = tests/run -t $(or $(TIMEOUT),1800) $(if $(J),-j $(J)) $1

.PHONY: check check-all lint list-tests deps
deps:
	@vm/deps $$(tests/run -n $(T))

check: deps
	@$(call run_tests,$(T))

check-all: export FUZZ_RUNS := 10000000
check-all: export FUZZ_IMAGES := 1000000
check-all: export KHEADERS_PACKAGES := all
check-all: export KHEADERS_KILLS := 1000
check-all: export KHEADERS_WHOLE := y
check-all: T = all
check-all: TIMEOUT = 7200
check-all: deps
	@mkdir -p $(out)
	@$(call run_tests,-c -r $(out)/check-all $(T))

lint: T = lint words places docs
lint: deps
	@$(call run_tests,$(T))

list-tests:
	@tests/run -l all

# The program works with all kernels, the module with the one whose build tree is KDIR.
.PHONY: install install-module install-program uninstall
install: install-module install-program

# Update the index of a tree of modules, TREE and RELEASE, if it has one.  Kbuild does so only
# with System.map, which Debian's headers lack.
update_index = [ ! -e "$1/modules.dep" ] || PATH=$$PATH:/sbin depmod -b "$(DESTDIR)/" "$2"

install-module: module
	$(MAKE) -C $(out)/kdir M=$(out) CONFIG_KHEADERS_SYSFS=m \
		INSTALL_MOD_PATH="$(DESTDIR)" modules_install
	@release=$$(sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
			$(out)/kdir/include/generated/utsrelease.h) && \
		$(call update_index,$(DESTDIR)/lib/modules/$$release,$$release)

install-program:
	$(MAKE) -C userspace BUILDDIR=$(out)/userspace install

uninstall:
	$(MAKE) -C userspace BUILDDIR=$(out)/userspace uninstall
	@for module in "$(DESTDIR)/lib/modules"/*/extra/kheaders.ko* \
			"$(DESTDIR)/lib/modules"/*/updates/kheaders.ko*; do \
		[ -e "$$module" ] || continue; \
		echo "rm $$module" && rm "$$module" || exit 1; \
		tree=$${module%/*/*}; \
		$(call update_index,$$tree,$${tree##*/}) || exit 1; \
	done

# What dkms needs to build the module.
.PHONY: install-dkms
install-dkms: dkms := $(DESTDIR)/usr/src/kheaders-$(version)
install-dkms:
	mkdir -p "$(dkms)"
	cp -R Makefile VERSION dkms.conf kheaders scripts "$(dkms)"
	rm -f "$(dkms)"/*/.gitignore

.PHONY: dist
dist: archive := $(out)/kheaders-$(version).tar
dist:
	@scripts/needs git xz
	@mkdir -p $(out)
	git -c tar.umask=0022 archive --prefix=kheaders-$(version)/ -o $(archive).new HEAD
	xz -9 -c $(archive).new > $(archive).xz.new
	@rm $(archive).new
	@mv $(archive).xz.new $(archive).xz

.PHONY: release
release:
	@packaging/release $(out)/check-all

.PHONY: series
series:
	@test -n "$(KSRC)" && test -n "$(OUT)" || { \
		echo "make: series: needs KSRC=DIR, the source of a kernel, and OUT=DIR" >&2; \
		exit 2; }
	@patches/generate $(if $(COVER),-c) "$(KSRC)" "$(OUT)"

.PHONY: bench
bench:
	@vm/deps demo guest program fleet bench
	@bench/pack
	@bench/alternatives
	@bench/fleet
	@bench/plot
	@bench/figures
	@bench/read
	@bench/extract
	@bench/pch

pages := userspace/kheaders.8 userspace/kheaders-archive.5 userspace/kheaders-adb.1
.PHONY: html
html:
	@scripts/needs mandoc
	@mkdir -p $(out)/html
	@for page in $(pages); do \
		mandoc -T html $$page > $(out)/html/$${page##*/}.html || exit 1; \
	done

.PHONY: clean
clean:
	rm -rf $(out)
