# outboxd. `make` builds build/outboxd; `make demo` and `make test` are the two commands of the README.
BUILD ?= build
CC ?= gcc
PKGS = sqlite3 libcurl libcjson libconfig libcrypto

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wswitch-enum \
       -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wimplicit-fallthrough -Werror
CFLAGS ?= -O2 -g
override CPPFLAGS += -std=c11 -D_GNU_SOURCE -Isrc -I$(BUILD)/generated -MMD -MP
LIBS = $(shell pkg-config --libs $(PKGS)) -lm

LIB_SRC = $(filter-out src/main.c,$(wildcard src/*.c src/*/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/%.o)
TEST_LIB_SRC = $(wildcard tests/lib/*.c)
TEST_LIB_OBJ = $(TEST_LIB_SRC:%.c=$(BUILD)/%.o)
TEST_SRC = $(wildcard tests/unit/test_*.c tests/store/test_*.c tests/wire/test_*.c tests/agent/test_*.c tests/e2e/test_*.c)
TEST_BIN = $(TEST_SRC:%.c=$(BUILD)/%)

.SECONDARY:
all: $(BUILD)/outboxd

$(BUILD)/outboxd: $(BUILD)/src/main.o $(BUILD)/liboutboxd.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/liboutboxd.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_LIB_OBJ) $(BUILD)/liboutboxd.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lmicrohttpd

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
