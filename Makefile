# gptsh: `make` builds ./gptsh, `make demo` runs the main job, `make test` runs every test; the last
# two do every set-up step themselves.  Sources are found by wildcard: adding a file needs no edit here.
#
#   FLAVOUR=release|debug|asan|tsan   where objects go: build/<flavour>
#   LINE=readline|edit|none      the line editor of the prompt
#   ARCH=native                  instead of all CPU levels one, for this CPU (or another name of -march)
#   CUDA=auto|no                 build the CUDA plug-in when nvcc is found
#   MPI=auto|no                  build the MPI plug-in when mpicc is found
#   CUDA_ARCH="80 90"            the GPU generations it is compiled for (newer ones through PTX)
#   V=1                          show the commands
#   TEST=name                    with `make test`: only test programs whose name contains it
FLAVOUR ?= release
LINE ?= readline
CUDA ?= auto
MPI ?= auto
PREFIX ?= /usr/local
B := build/$(FLAVOUR)
say = $(if $(V),,@echo '$(1) $@';)
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# What the targets that do everything call: on all cores unless -j was given.
ALL_CORES = $(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(CORES))

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
OBJCOPY ?= objcopy
PKG := lua5.4 jansson libpcre2-8 libxxhash

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wvla
WARN_C := -Wstrict-prototypes -Wmissing-prototypes
# Threads of the pool have stacks of 2 MiB: no frame may come near that (-Wframe-larger-than).
MODE_release := -O3 -g1 -fno-plt -Wframe-larger-than=900000
MODE_debug := -O1 -g -DGT_DEBUG
MODE_asan := -O1 -g -DGT_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer
MODE_tsan := -O1 -g -DGT_DEBUG -fsanitize=thread -fno-omit-frame-pointer
MODE := $(MODE_$(FLAVOUR))
# CPU levels (kernels/levels.def): everything else is compiled for the first.  A row comes as one word,
# NAME~SHARED~FLAG~FLAG.
ROWS := $(shell $(CC) -E -P -x c '-DLEVEL(name, shared, flags, ...)=name shared flags' kernels/levels.def | tr ' ' '~')
name_of = $(firstword $(subst ~, ,$(1)))
shared_of = $(word 2,$(subst ~, ,$(1)))
flags_of = $(wordlist 3,12,$(subst ~, ,$(1)))
BASE := $(call flags_of,$(firstword $(ROWS)))
ifdef ARCH
ROWS := arch~arch~-march=$(ARCH)
# -march=native is another one on another machine.
ARCH_MEANS := $(shell $(CC) -march=$(ARCH) -Q --help=target | cksum)
endif
LEVELS := $(foreach row,$(ROWS),$(call name_of,$(row)))

# No contraction: a*b+c has the same bits in every op that writes it.  No caller reads errno or the
# floating-point traps of libm.
ALL_CPPFLAGS := -I. -D_GNU_SOURCE $(if $(ARCH),-DGT_ARCH=$(ARCH)) $(shell pkg-config --cflags $(PKG) 2>/dev/null) $(CPPFLAGS)
C_FLAGS := -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARN) $(MODE) $(CFLAGS)
ALL_CFLAGS = $(BASE) $(C_FLAGS)
ALL_LDFLAGS := -rdynamic $(filter -fsanitize%,$(MODE)) $(LDFLAGS)
CORE_LIBS := -ljansson -lpcre2-8 -lxxhash -lm -ldl -lpthread
LINE_LIB_readline := -lreadline
LINE_LIB_edit := -ledit
LIBS := $(shell pkg-config --libs lua5.4 2>/dev/null) $(LINE_LIB_$(LINE)) $(CORE_LIBS) $(LDLIBS)

KERNELS := $(wildcard kernels/level.c kernels/op/*.c kernels/cpu/*.c)
# Those that a level does not share: the ones that name it or use its instructions.  Ops that compute nothing
# themselves are compiled once, for the first level.
OWN_KERNELS := kernels/level.c $(shell grep -l '^\#include "kernels/cpu/bf16.h"' kernels/op/*.c kernels/cpu/*.c)
PLAIN_KERNELS := $(shell grep -L '^\#include "kernels/\(cpu/\|op/\(elementwise\|reals\|numbers\|bits\|typed\).h\)' kernels/op/*.c)
SHARED_KERNELS := $(filter-out $(OWN_KERNELS) $(PLAIN_KERNELS),$(KERNELS))
level_objects = $(patsubst %.c,$(B)/$(firstword $(LEVELS))/%.o,$(PLAIN_KERNELS)) \
  $(patsubst %.c,$(B)/$(call shared_of,$(1))/%.o,$(SHARED_KERNELS)) \
  $(patsubst %.c,$(B)/$(call name_of,$(1))/%.o,$(OWN_KERNELS))
LEVEL_OBJ := $(sort $(foreach row,$(ROWS),$(call level_objects,$(row))))
CORE_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard core/*/*.c) kernels/levels.c) $(LEVELS:%=$(B)/%/kernels.o)
SHELL_OBJ := $(patsubst shell/line.o,shell/line-$(LINE).o,$(patsubst %.c,%.o,$(wildcard shell/*.c)))
OBJ := $(CORE_OBJ) $(patsubst %.c,$(B)/%.o,$(wildcard lua/bind/*.c)) $(addprefix $(B)/,$(SHELL_OBJ)) \
  $(B)/gen/gtlua_libs.o
LUA_LIB := $(sort $(shell find lua/lib -name '*.lua' 2>/dev/null))
LUA_LIB_DIRS := $(shell find lua/lib -type d 2>/dev/null)

NVCC := $(if $(filter no,$(CUDA)),,$(or $(shell command -v nvcc),$(wildcard /usr/local/cuda/bin/nvcc)))
CU := $(wildcard kernels/cuda/*.cu)
MPICC := $(if $(filter no,$(MPI)),,$(shell command -v mpicc))
PLUGINS := $(if $(NVCC),$(B)/gptsh-cuda.so) $(if $(MPICC),$(B)/gptsh-mpi.so)
EMULATED := $(B)/gptsh-cuda-emu.so
C_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/core/*.c tests/shell/*.c))

all: gptsh $(PLUGINS)
ifeq ($(NVCC),)
	@echo 'nvcc not found: built without the CUDA plug-in'
endif

# ./gptsh is the release build; other flavours are run from their folder.
gptsh: $(B)/gptsh
ifeq ($(FLAVOUR),release)
	@ln -sfn $(B)/gptsh $@
endif
$(B)/gptsh: $(OBJ)
	$(call say,cc)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(OBJ) $(LIBS)

# What was last built with: a change of compiler or flags rebuilds, one of libraries links again.
$(B)/gen/compiled-with: WITH = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ROWS) $(ARCH_MEANS)
$(B)/gen/linked-with: WITH = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(OBJ) $(LIBS)
$(B)/gen/compiled-with $(B)/gen/linked-with: FORCE
	@mkdir -p $(@D)
	@echo '$(WITH)' | cmp -s - $@ || echo '$(WITH)' > $@
$(OBJ) $(LEVEL_OBJ): $(B)/gen/compiled-with
$(B)/gptsh: $(B)/gen/linked-with

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WARN_C) -MMD -MP -c -o $@ $<
# The kernels of one level, linked into one object that shows nothing but gt_cpu_level_NAME: the levels
# have all other names in common.  (-Wno-psabi: no vector is passed to another object.)
define LEVEL_RULES
$(B)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,cc)$$(CC) -std=c11 $$(ALL_CPPFLAGS) -DGT_LEVEL=$(1) $(2) $$(C_FLAGS) -Wno-psabi $$(WARN_C) -MMD -MP -c -o $$@ $$<
$(B)/$(1)/kernels.o: $(3)
	$$(call say,ld)$$(CC) -r -nostdlib -o $$@ $$(filter %.o,$$^) && $$(OBJCOPY) --keep-global-symbol=gt_cpu_level_$(1) $$@
endef
$(foreach row,$(ROWS),$(eval $(call LEVEL_RULES,$(call name_of,$(row)),$(call flags_of,$(row)),$(call level_objects,$(row)))))
# What looks at the CPU runs on every one.
$(B)/shell/cpu.o: BASE := $(BASE:-v2=)
# With ARCH it asks for what its level needs.
ifdef ARCH
$(B)/kernels/levels.o: BASE := -march=$(ARCH)
endif
# The editor is part of the name, so that a change of LINE recompiles.
$(B)/shell/line-$(LINE).o: shell/line.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WARN_C) -DSH_LINE_$(LINE) -MMD -MP -c -o $@ $<
-include $(patsubst %.o,%.d,$(OBJ) $(LEVEL_OBJ)) $(addsuffix .d,$(C_TESTS))

# The Lua library, embedded: one C array per file of lua/lib.
$(B)/gen/embed: lua/embed.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 -O1 -o $@ $<
$(B)/gen/gtlua_libs.c: $(B)/gen/embed $(LUA_LIB) $(LUA_LIB_DIRS)
	$(call say,embed)$< lua/lib $(LUA_LIB) > $@.new && mv $@.new $@
$(B)/gen/gtlua_libs.o: $(B)/gen/gtlua_libs.c
	$(call say,cc)$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# ---- the CUDA plug-in ----
# kernels/cuda/NAME.cu holds the cuda kernels of op NAME: gt_cu_NAME_forward, and gt_cu_NAME_backward where
# the op has one (hence weak).  A .cu that is not an op is part of the device.  The plug-in finds core in the executable.
CU_OPS := $(filter $(notdir $(basename $(wildcard kernels/op/*.c))),$(notdir $(CU:.cu=)))
CUDA_ARCH ?= 80 90
CUDA_CODE := $(foreach a,$(CUDA_ARCH),-gencode arch=compute_$(a),code=sm_$(a)) \
  -gencode arch=compute_$(lastword $(CUDA_ARCH)),code=compute_$(lastword $(CUDA_ARCH))
build/gen/cuda_kernels.cu: $(CU) Makefile
	@mkdir -p $(@D)
	@{ echo 'extern "C" {'; echo '#include "core/tensor/backend.h"'; \
	  for op in $(CU_OPS); do for way in forward backward; do \
	    echo "__attribute__((weak)) gt_status gt_cu_$${op}_$$way(gt_call *);"; done; done; \
	  echo 'extern const gt_device_kernel gt_cuda_kernels[];'; \
	  echo 'const gt_device_kernel gt_cuda_kernels[] = {'; \
	  for op in $(CU_OPS); do echo "  {\"$$op\", gt_cu_$${op}_forward, gt_cu_$${op}_backward},"; done; \
	  echo '  {nullptr, nullptr, nullptr}};'; echo '}'; } > $@.new && mv $@.new $@
build/cuda/%.o: kernels/cuda/%.cu
	@mkdir -p $(@D)
	$(call say,nvcc)$(NVCC) -std=c++17 -O3 -I. -Xcompiler -fPIC,-Wall $(CUDA_CODE) -MMD -MP -c -o $@ $<
build/cuda/cuda_kernels.o: build/gen/cuda_kernels.cu
	$(call say,nvcc)$(NVCC) -std=c++17 -I. -Xcompiler -fPIC -c -o $@ $<
build/cuda/gptsh-cuda.so: $(patsubst kernels/cuda/%.cu,build/cuda/%.o,$(CU)) build/cuda/cuda_kernels.o
	$(call say,nvcc)$(NVCC) -shared $(CUDA_CODE) -o $@ $^ -lcublas
$(B)/gptsh-cuda.so: build/cuda/gptsh-cuda.so
	@mkdir -p $(@D)
	@ln -sfn ../cuda/gptsh-cuda.so $@

# ---- the MPI plug-in ----
$(B)/gptsh-mpi.so: shell/ranks/mpi.c shell/ranks/engine.h
	@mkdir -p $(@D)
	$(call say,mpicc)$(MPICC) -std=c11 -I. -O2 -g -fPIC $(WARN) $(WARN_C) -shared -o $@ $<

# The same files for the emulated device (tests/emu): an ordinary C++ compiler, no hardware.
# Initial-exec: LeakSanitizer mistakes where thread-local variables of an opened library are.
EMU_FLAGS = -std=c++17 -O1 -g -fPIC -ftls-model=initial-exec $(WARN) -DGT_EMULATED -Itests/emu $(ALL_CPPFLAGS)
$(B)/emu/%.o: kernels/cuda/%.cu
	@mkdir -p $(@D)
	$(call say,c++)$(CXX) -x c++ $(EMU_FLAGS) -MMD -MP -c -o $@ $<
$(B)/emu/%.o: tests/emu/%.cpp
	@mkdir -p $(@D)
	$(call say,c++)$(CXX) $(EMU_FLAGS) -MMD -MP -c -o $@ $<
$(B)/emu/cuda_kernels.o: build/gen/cuda_kernels.cu
	@mkdir -p $(@D)
	$(call say,c++)$(CXX) -x c++ $(EMU_FLAGS) -c -o $@ $<
EMU_OBJ := $(patsubst kernels/cuda/%.cu,$(B)/emu/%.o,$(CU)) $(patsubst tests/emu/%.cpp,$(B)/emu/%.o,$(wildcard tests/emu/*.cpp)) \
  $(B)/emu/cuda_kernels.o
$(EMULATED): $(EMU_OBJ)
	$(call say,c++)$(CXX) -shared -o $@ $^
-include $(EMU_OBJ:.o=.d) $(wildcard build/cuda/*.d)

# ---- tests ----
# C tests are cmocka programs linked with the native core; they see no Lua.
$(B)/tests/%: tests/%.c $(CORE_OBJ)
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< $(CORE_OBJ) -lcmocka $(CORE_LIBS)
$(B)/tests/shell/%: tests/shell/%.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(ALL_LDFLAGS) -o $@ $< -lcmocka
$(B)/tests/emu/test_emu: tests/emu/test_emu.cu $(B)/emu/emu.o
	@mkdir -p $(@D)
	$(call say,c++)$(CXX) -x c++ $(EMU_FLAGS) -MMD -MP -MF $@.d -o $@ $< -x none $(B)/emu/emu.o -lcmocka
# Makes system calls fail in a program that it is preloaded into.
$(B)/tests/calls.so: tests/faults/calls.c
	@mkdir -p $(@D)
	$(call say,cc)$(CC) -std=c11 -O1 -g $(WARN) -D_GNU_SOURCE -fPIC -shared -o $@ $<
tests: all $(C_TESTS) $(EMULATED) $(B)/tests/emu/test_emu $(B)/tests/calls.so

test: deps
	@$(ALL_CORES) tests
	@sh tests/run.sh $(B) $(TEST)
check: test
# On a machine with a GPU: the op tests that have a cuda kernel, on the real device.
test-cuda: deps
	@$(ALL_CORES) all
	@sh tests/run.sh --cuda $(B)
test-asan: deps
	@$(ALL_CORES) FLAVOUR=asan tests
	@sh tests/run.sh build/asan $(TEST)
lint: all
	@./gptsh tests/lint.lua $(B) --all

# ---- doing things with it ----
demo: deps
	@$(ALL_CORES) all
	./gptsh notebooks/quickstart.lua
# Ratios to PyTorch when PYTHON has it, the gptsh column alone when not; JOBS picks rows.
PYTHON ?= python3
bench: deps
	@$(ALL_CORES) all
	@./gptsh tests/bench/bench.lua ./gptsh $(PYTHON) $(JOBS)
# Training on TEXT to its validation loss; next to nanoGPT when NANOGPT is a clone of it.
bench-text: deps
	@$(ALL_CORES) all
	@./gptsh tests/bench/text.lua ./gptsh $(PYTHON) "$(TEXT)" "$(NANOGPT)" $(STEPS)
# Every public name of the Lua library and of the C headers: build/docs/api.html and api.md.
docs: $(B)/gptsh
	$(call say,write)$< docs/reference/main.lua build/docs
# Types the newcomer's session again and writes down what the terminal shows: docs/session.md and its pictures.
session: $(B)/gptsh $(B)/tests/shell/newcomer
	GPTSH=$(CURDIR)/$< GPTSH_SESSION=docs $(B)/tests/shell/newcomer
deps:
	@sh deps.sh
COMPLETIONS := bash-completion/completions/gptsh zsh/site-functions/_gptsh fish/vendor_completions.d/gptsh.fish
# gptsh(1), completions and names for editors: the program writes them from its own tables.
$(B)/share/gptsh.1: $(B)/gptsh
	@mkdir -p $(@D)
	$(call say,write)$< -e 'require "shell.manual".write "$(@D)"'
install: all $(B)/share/gptsh.1
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/gptsh $(DESTDIR)$(PREFIX)/share/gptsh/notebooks
	install -m 755 $(B)/gptsh $(DESTDIR)$(PREFIX)/bin/gptsh
	$(if $(strip $(PLUGINS)),install -m 755 $(PLUGINS) $(DESTDIR)$(PREFIX)/lib/gptsh)
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 man/man5 gptsh/meta $(dir $(COMPLETIONS)))
	install -m 644 $(B)/share/gptsh.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/gptsh-notebook.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(B)/share/gptsh.lua $(DESTDIR)$(PREFIX)/share/gptsh/meta
	install -m 644 $(B)/share/gptsh.bash $(DESTDIR)$(PREFIX)/share/$(word 1,$(COMPLETIONS))
	install -m 644 $(B)/share/_gptsh $(DESTDIR)$(PREFIX)/share/$(word 2,$(COMPLETIONS))
	install -m 644 $(B)/share/gptsh.fish $(DESTDIR)$(PREFIX)/share/$(word 3,$(COMPLETIONS))
	$(if $(wildcard notebooks/*.lua),install -m 644 notebooks/*.lua $(DESTDIR)$(PREFIX)/share/gptsh/notebooks)
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/gptsh
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1/gptsh.1 man/man5/gptsh-notebook.5 $(COMPLETIONS))
	rm -rf $(DESTDIR)$(PREFIX)/lib/gptsh $(DESTDIR)$(PREFIX)/share/gptsh
clean:
	rm -rf build gptsh

.PHONY: FORCE gptsh bench bench-text all tests test check test-asan test-cuda lint demo docs session deps install uninstall clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
