# certmilter - rooms, and who may include whom.
#
#   make                 all programs into build/
#   make check           unit tests (cmocka); ./test.sh runs everything
#   make lint fuzz bench install uninstall clean
#   SANITIZE=1           ASan + UBSan into build-asan/;  SANITIZE=thread: TSan into build-tsan/
#   FUZZ=1               libFuzzer with clang into build-fuzz/ (make fuzz sets it)
#   DESTDIR= PREFIX=     as usual (PREFIX defaults to /usr/local)
#
# A room is a folder. MAY_<room> is the whole list of what it may include: the
# compiler gets an include path that holds just that, so a forbidden include
# doesn't compile. LIBS_<room> are the libraries that only that room uses.

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
LIBEXEC ?= $(PREFIX)/libexec/certmilter
DATADIR ?= $(PREFIX)/share/certmilter
MANDIR  ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/certmilter
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
VERSION := 0.1.0

ifeq ($(SANITIZE),1)
B := build-asan
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DCERTMILTER_SANITIZE
else ifeq ($(SANITIZE),thread)
B := build-tsan
SAN := -fsanitize=thread -fno-omit-frame-pointer -DCERTMILTER_SANITIZE
else ifeq ($(FUZZ),1)
B := build-fuzz
CC := clang
SAN := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -DCERTMILTER_SANITIZE
else
B := build
SAN :=
endif

ROOMS := base policy spool milter inspect cert keeper net ca dcv ledger deliver agent cli

MAY_base    :=
MAY_policy  := base
MAY_spool   := base
MAY_milter  := policy/watch.h spool base
MAY_inspect := policy/facts.h policy/rules.h policy/recognise.h cert base
MAY_cert    := base
MAY_keeper  := cert base
MAY_net     := base
MAY_ca      := net policy base
MAY_dcv     := net ca policy base
MAY_ledger  := policy base
MAY_deliver := keeper/client.h keeper/delivery.h cert net policy base
MAY_agent   := base policy spool inspect/client.h cert keeper/client.h keeper/delivery.h net ca dcv ledger deliver
MAY_cli     := policy net cert inspect/client.h keeper/client.h keeper/delivery.h keeper/backup.h ledger/copy.h base

PKG_base    := libsystemd libmd jansson
PKG_policy  := libconfuse libidn2 libpsl jansson
PKG_spool   := jansson
PKG_milter  := jansson
PKG_inspect := gmime-3.0 libzip libseccomp opendkim jansson
PKG_cert    := libcrypto jansson
PKG_keeper  := libcrypto jansson
PKG_net     := libcurl ldns jansson
PKG_ca      := jansson
PKG_dcv     := jansson
PKG_ledger  := sqlite3 jansson
PKG_deliver := ldap jansson
PKG_agent   := jansson
PKG_cli     := jansson
LIBS_inspect := -lgumbo
LIBS_milter := -lmilter
LIBS_net := -lunbound

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
HARD := -fstack-protector-strong -fPIE
ifeq ($(SAN),)
HARD += -D_FORTIFY_SOURCE=2
endif
OPT  ?= -O2 -g
CFLAGS_ALL = -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARD) $(SAN) -pthread \
	-DCERTMILTER_VERSION='"$(VERSION)"' -DCERTMILTER_PREFIX='"$(PREFIX)"' \
	-DCERTMILTER_SYSCONFDIR='"$(SYSCONFDIR)"' $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SAN) -pthread $(LDFLAGS)
ifneq ($(V),1)
Q := @
endif

# sources of a room: everything but main.c belongs to its archive
src = $(filter-out $1/main.c,$(wildcard $1/*.c))
obj = $(patsubst %.c,$B/%.o,$(call src,$1))
pkgs_cflags = $(if $(PKG_$1),$(shell pkg-config --cflags $(PKG_$1)))
pkgs_libs = $(foreach r,$1,$(if $(PKG_$r),$(shell pkg-config --libs $(PKG_$r))) $(LIBS_$r))

PROGRAMS := $B/sbin/certmilterd $B/sbin/certagentd $B/sbin/certkeeperd \
	$B/libexec/certmilter/certinspect $B/bin/certmilter

all: $(PROGRAMS) $B/share/certmilter/profiles $B/share/certmilter/templates

# --- the include path of each room ------------------------------------------
# $B/inc/<room>/ holds links to exactly what MAY_<room> lists.
define room_inc
$B/inc/$1/.stamp: Makefile
	$(Q)rm -rf $B/inc/$1 && mkdir -p $B/inc/$1
	$(Q)for m in $$(MAY_$1) $1; do case $$$$m in \
	  */*) mkdir -p $B/inc/$1/$$$${m%/*} && ln -s "$(CURDIR)/$$$$m" $B/inc/$1/$$$$m ;; \
	  *) ln -s "$(CURDIR)/$$$$m" $B/inc/$1/$$$$m ;; esac || exit 1; done
	$(Q)touch $$@
$B/$1/%.o: $1/%.c $B/inc/$1/.stamp
	$(Q)mkdir -p $$(@D)
	$(if $(V),,@echo "  CC $$<")
	$(Q)$(CC) $(CFLAGS_ALL) -I$B/inc/$1 $$(CF_$1) -MMD -MP -c $$< -o $$@
$B/lib$1.a: $(call obj,$1)
	$(Q)mkdir -p $$(@D)
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$(filter %.o,$$^)
CF_$1 := $(call pkgs_cflags,$1)
endef
$(foreach r,$(ROOMS),$(eval $(call room_inc,$r)))

# --- programs: main.c of a room, the archives it links, in link order ---------
# Files that another room's header is split over may include each other in a
# circle only inside one archive; so plain left-to-right order works.
LINK_certmilterd := milter spool policy base
LINK_certagentd  := agent deliver dcv ca ledger inspect keeper cert spool net policy base
LINK_certkeeperd := keeper cert base
LINK_certinspect := inspect cert policy base
LINK_certmilter  := cli inspect keeper ledger cert net policy base

define program
$1: $B/$2/main.o $(foreach r,$(LINK_$3),$B/lib$r.a)
	$(Q)mkdir -p $$(@D)
	$(if $(V),,@echo "  LD $$@")
	$(Q)$(CC) $(LDFLAGS_ALL) -o $$@ $$< $(foreach r,$(LINK_$3),$B/lib$r.a) $$(call pkgs_libs,$(LINK_$3))
endef
$(eval $(call program,$B/sbin/certmilterd,milter,certmilterd))
$(eval $(call program,$B/sbin/certagentd,agent,certagentd))
$(eval $(call program,$B/sbin/certkeeperd,keeper,certkeeperd))
$(eval $(call program,$B/libexec/certmilter/certinspect,inspect,certinspect))
$(eval $(call program,$B/bin/certmilter,cli,certmilter))

# the programs find each other and their data relative to their own place
$B/share/certmilter/profiles: $(wildcard etc/profiles/*)
	$(Q)rm -rf $@ && mkdir -p $(@D) && cp -r etc/profiles $@
$B/share/certmilter/templates: $(wildcard etc/templates/* etc/templates/*/*)
	$(Q)rm -rf $@ && mkdir -p $(@D) && cp -r etc/templates $@

-include $(wildcard $B/*/*.d $B/tests/*/*.d)

# --- unit tests: tests/unit/<room>_<subject>.c, linked with that room's needs ---
# A test may look into its own room and what that room may include.
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$B/unit/%,$(UNIT_SRC))
unit_room = $(firstword $(subst _, ,$(notdir $(basename $1))))
LINKU_base := base
LINKU_policy := policy base
LINKU_spool := spool base
LINKU_milter := milter spool policy base
LINKU_inspect := inspect cert policy base
LINKU_cert := cert base
LINKU_keeper := keeper cert base
LINKU_net := net base
LINKU_ca := ca net policy base
LINKU_dcv := dcv ca net policy base
LINKU_ledger := ledger policy base
LINKU_deliver := deliver keeper cert net policy base
LINKU_agent := $(LINK_certagentd)
LINKU_cli := $(LINK_certmilter)
define unit
$B/unit/$(notdir $(basename $1)): $1 $B/inc/$(call unit_room,$1)/.stamp \
  $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a)
	$(Q)mkdir -p $$(@D) $B/tests/unit
	$(if $(V),,@echo "  CC $1")
	$(Q)$(CC) $(CFLAGS_ALL) -I$B/inc/$(call unit_room,$1) $$(CF_$(call unit_room,$1)) -MMD -MP \
	  -MF $B/tests/unit/$(notdir $(basename $1)).d -MT $$@ -o $$@ $1 $(LDFLAGS_ALL) \
	  $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a) -lcmocka $$(call pkgs_libs,$(LINKU_$(call unit_room,$1)))
endef
$(foreach t,$(UNIT_SRC),$(eval $(call unit,$t)))

unit: $(UNIT_BIN)
check: all unit
	$(Q)tests/run-unit.sh $B

# --- test programs for net, ca, dcv: tests/helpers/*tool.c, used by tests/e2e -------
TOOL_BIN := $(patsubst tests/helpers/%.c,$B/helpers/%,$(filter-out %/delivertool.c,$(wildcard tests/helpers/*tool.c)))
$(TOOL_BIN): $B/helpers/%: tests/helpers/%.c tests/helpers/tool.h $B/inc/dcv/.stamp \
  $(foreach r,$(LINKU_dcv),$B/lib$r.a)
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) $(CFLAGS_ALL) -I$B/inc/dcv $(CF_dcv) -o $@ $< $(LDFLAGS_ALL) \
	  $(foreach r,$(LINKU_dcv),$B/lib$r.a) $(call pkgs_libs,$(LINKU_dcv))
# ... and for the publishers of deliver/ against real servers
$B/helpers/delivertool: tests/helpers/delivertool.c tests/helpers/tool.h $B/inc/deliver/.stamp \
  $(foreach r,$(LINKU_deliver),$B/lib$r.a)
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) $(CFLAGS_ALL) -I$B/inc/deliver $(CF_deliver) -o $@ $< $(LDFLAGS_ALL) \
	  $(foreach r,$(LINKU_deliver),$B/lib$r.a) $(call pkgs_libs,$(LINKU_deliver))
# ... and a clock that isn't the machine's, for what takes a week
$B/helpers/clockshift.so: tests/helpers/clockshift.c
	$(Q)mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) -std=c17 -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $<
tools: $(TOOL_BIN) $B/helpers/delivertool $B/helpers/clockshift.so

# --- fuzz targets: tests/fuzz/<room>_<subject>.c --------------------------------
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(FUZZ_SRC))
define fuzzer
$B/fuzz/$(notdir $(basename $1)): $1 $B/inc/$(call unit_room,$1)/.stamp \
  $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a)
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -Wno-missing-prototypes -I$B/inc/$(call unit_room,$1) $$(CF_$(call unit_room,$1)) \
	  -fsanitize=fuzzer -o $$@ $1 $(LDFLAGS_ALL) \
	  $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a) $$(call pkgs_libs,$(LINKU_$(call unit_room,$1)))
endef
$(foreach t,$(FUZZ_SRC),$(eval $(call fuzzer,$t)))
fuzzers: $(FUZZ_BIN)
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)$(MAKE) FUZZ=1 fuzzers
	$(Q)tests/run-fuzz.sh build-fuzz $(FUZZ_SECONDS)

# --- benchmarks of one room: tests/bench/<room>.c -> $B/bench/<room> ----------------
# (what else lies in tests/bench/ is for tests/bench/run.sh)
BENCH_SRC := $(foreach t,$(wildcard tests/bench/*.c),$(if $(LINKU_$(call unit_room,$t)),$t))
BENCH_BIN := $(patsubst tests/bench/%.c,$B/bench/%,$(BENCH_SRC))
define bencher
$B/bench/$(notdir $(basename $1)): $1 $B/inc/$(call unit_room,$1)/.stamp \
  $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a)
	$(Q)mkdir -p $$(@D)
	$(if $(V),,@echo "  CC $1")
	$(Q)$(CC) $(CFLAGS_ALL) -I$B/inc/$(call unit_room,$1) $$(CF_$(call unit_room,$1)) -o $$@ $1 \
	  $(LDFLAGS_ALL) $(foreach r,$(LINKU_$(call unit_room,$1)),$B/lib$r.a) $$(call pkgs_libs,$(LINKU_$(call unit_room,$1)))
endef
$(foreach t,$(BENCH_SRC),$(eval $(call bencher,$t)))
benches: $(BENCH_BIN)

# --- lint, bench, install ---------------------------------------------------------
lint: $(foreach r,$(ROOMS),$B/inc/$r/.stamp)
	$(Q)tests/lint.sh $B "$(ROOMS)"

bench: all benches
	$(Q)tests/bench/run.sh $B

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(DATADIR)/profiles \
	  $(DESTDIR)$(SYSCONFDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	install -m 755 $B/bin/certmilter $(DESTDIR)$(BINDIR)/
	install -m 755 $B/sbin/certmilterd $B/sbin/certagentd $B/sbin/certkeeperd $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $B/libexec/certmilter/certinspect $(DESTDIR)$(LIBEXEC)/
	install -m 644 etc/profiles/*.conf $(DESTDIR)$(DATADIR)/profiles/
	@for l in en de; do install -d $(DESTDIR)$(DATADIR)/templates/$$l && \
	  install -m 644 etc/templates/$$l/* $(DESTDIR)$(DATADIR)/templates/$$l/ || exit 1; done
	install -m 644 etc/templates/README $(DESTDIR)$(DATADIR)/templates/
	@for f in certmilter.conf domains; do \
	  [ -e "$(DESTDIR)$(SYSCONFDIR)/$$f" ] || install -m 644 etc/$$f "$(DESTDIR)$(SYSCONFDIR)/$$f" || exit 1; done
	install -m 644 etc/certmilter.conf $(DESTDIR)$(DATADIR)/certmilter.conf.sample
	install -m 644 etc/postfix-main.cf.snippet etc/sendmail.mc.snippet $(DESTDIR)$(DATADIR)/
	@for f in systemd/*.service systemd/*.socket systemd/*.timer; do \
	  sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@SYSCONFDIR@,$(SYSCONFDIR),g' $$f > $B/$$(basename $$f) && \
	  install -m 644 $B/$$(basename $$f) $(DESTDIR)$(UNITDIR)/ || exit 1; done
	install -m 644 systemd/certmilter.sysusers $(DESTDIR)$(SYSUSERSDIR)/certmilter.conf
	install -m 644 systemd/certmilter.tmpfiles $(DESTDIR)$(TMPFILESDIR)/certmilter.conf
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 etc/certmilter.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/certmilter
	@for f in man/*.[1-9]; do s=$${f##*.}; install -d $(DESTDIR)$(MANDIR)/man$$s && \
	  install -m 644 $$f $(DESTDIR)$(MANDIR)/man$$s/ || exit 1; done

# configuration, ledger, keys and spool stay
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/certmilter $(addprefix $(DESTDIR)$(PREFIX)/sbin/,certmilterd certagentd certkeeperd)
	rm -rf $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(DATADIR)
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/certmilter
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(wildcard systemd/*.service systemd/*.socket systemd/*.timer)))
	rm -f $(DESTDIR)$(SYSUSERSDIR)/certmilter.conf $(DESTDIR)$(TMPFILESDIR)/certmilter.conf
	@for f in man/*.[1-9]; do rm -f $(DESTDIR)$(MANDIR)/man$${f##*.}/$$(basename $$f); done

clean:
	rm -rf build build-asan build-tsan build-fuzz

.PHONY: all unit tools check fuzz fuzzers lint bench benches install uninstall clean
.DELETE_ON_ERROR:
