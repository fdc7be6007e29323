# gptsh: `make` builds ./gptsh, `make demo` runs the main job, `make test` runs every test; the last
# two do every set-up step themselves.  Sources are found by wildcard: adding a file needs no edit here.
#
#   FLAVOUR=release|debug|asan   where objects go: build/<flavour>
#   LINE=readline|edit|none      the line editor of the prompt
#   ARCH=native                  the CPU to compile for
#   CUDA=auto|no                 build the CUDA plug-in when nvcc is found
FLAVOUR ?= release
LINE ?= readline
ARCH ?= native
CUDA ?= auto
PREFIX ?= /usr/local
B := build/$(FLAVOUR)
comma := ,

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
PKG := lua5.4 jansson
BLAS_INC := $(firstword $(wildcard /usr/include/*/openblas-openmp))
BLAS_DIR := $(firstword $(wildcard /usr/lib/*/openblas-openmp))

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wvla
WARN_C := -Wstrict-prototypes -Wmissing-prototypes
MODE_release := -O3 -g -fno-plt
MODE_debug := -O1 -g -DGT_DEBUG
MODE_asan := -O1 -g -DGT_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer
MODE := $(MODE_$(FLAVOUR))
# No contraction: a*b+c has the same bits in every op that writes it.  Nobody reads errno or the
# floating-point traps of libm.
ALL_CPPFLAGS = -I. -D_GNU_SOURCE $(shell pkg-config --cflags $(PKG)) $(addprefix -I,$(BLAS_INC)) $(CPPFLAGS)
ALL_CFLAGS = -march=$(ARCH) -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARN) $(MODE) $(CFLAGS)
ALL_LDFLAGS = -rdynamic $(filter -fsanitize%,$(MODE)) $(addprefix -Wl$(comma)-rpath$(comma),$(BLAS_DIR)) $(LDFLAGS)
CORE_LIBS = $(addprefix -L,$(BLAS_DIR)) -lopenblas -ljansson -lm -ldl -lpthread
LINE_LIB_readline := -lreadline
LINE_LIB_edit := -ledit
LIBS = $(shell pkg-config --libs lua5.4) $(LINE_LIB_$(LINE)) $(CORE_LIBS) $(LDLIBS)

CORE_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard core/*/*.c kernels/*.c))
OBJ := $(CORE_OBJ) $(patsubst %.c,$(B)/%.o,$(wildcard lua/bind/*.c shell/*.c)) $(B)/gen/gtlua_libs.o
LUA_LIB := $(sort $(shell find lua/lib -name '*.lua' 2>/dev/null))

all: gptsh

gptsh: $(B)/gptsh
	@ln -sfn $(B)/gptsh $@
$(B)/gptsh: $(OBJ)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(WARN_C) -MMD -MP -c -o $@ $<
-include $(patsubst %.o,%.d,$(OBJ))

# The Lua library, embedded: one C array per file of lua/lib.
$(B)/gen/embed: lua/embed.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 -o $@ $<
$(B)/gen/gtlua_libs.c: $(B)/gen/embed $(LUA_LIB) $(wildcard lua/lib lua/lib/*/)
	$< lua/lib $(LUA_LIB) > $@.new && mv $@.new $@
$(B)/gen/gtlua_libs.o: $(B)/gen/gtlua_libs.c
	$(CC) -std=c11 $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

clean:
	rm -rf build gptsh

.PHONY: all clean
.DELETE_ON_ERROR:
