# gptsh: `make` builds ./gptsh, `make demo` runs the main job, `make test` all tests; each does its own set-up.
FLAVOUR ?= release
B := build/$(FLAVOUR)
CC ?= gcc
ARCH ?= native
LINE ?= readline
PKG := lua5.4 jansson libzstd
BLAS_DIR := $(firstword $(wildcard /usr/lib/*/openblas-openmp))
BLAS_INC := $(firstword $(wildcard /usr/include/*/openblas-openmp))

CPPFLAGS += -I. -I$(B)/gen -D_GNU_SOURCE $(shell pkg-config --cflags $(PKG) 2>/dev/null) $(if $(BLAS_INC),-I$(BLAS_INC))
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
CFLAGS_release := -O3 -g -fno-plt
CFLAGS_debug := -O1 -g -DGT_DEBUG
CFLAGS_asan := -O1 -g -DGT_DEBUG -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
# No contraction: a*b+c has the same bits in every op that writes it. errno and traps of libm are never read.
CFLAGS += -std=c11 -march=$(ARCH) -ffp-contract=off -fno-math-errno -fno-trapping-math $(WARN) $(CFLAGS_$(FLAVOUR))
LDFLAGS += -rdynamic $(if $(filter asan,$(FLAVOUR)),-fsanitize=address$(comma)undefined)
comma := ,
LDLIBS += $(if $(BLAS_DIR),-L$(BLAS_DIR)) -lopenblas $(shell pkg-config --libs $(PKG) 2>/dev/null) \
  $(if $(filter readline,$(LINE)),-lreadline) $(if $(filter edit,$(LINE)),-ledit) -lm -ldl -lpthread

CORE := $(wildcard core/*/*.c)
KERNELS := $(wildcard kernels/*.c)
BIND := $(wildcard lua/bind/*.c)
SHELL_C := $(wildcard shell/*.c)
OBJ := $(patsubst %.c,$(B)/%.o,$(CORE) $(KERNELS) $(BIND) $(SHELL_C))

all: gptsh
gptsh: $(B)/gptsh
	ln -sfn $(B)/gptsh $@
$(B)/gptsh: $(OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
-include $(OBJ:.o=.d)
clean:
	rm -rf build gptsh
.PHONY: all clean
