/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef TEST_H
#define TEST_H

/**
 * @file
 * A thin layer over cmocka: tests register themselves, checks print both values.
 *
 *	TEST(full_ring_refuses_with_enospc)
 *	{
 *		CHECK_INT(enqueue(), ==, -ENOSPC);
 *	}
 *	TEST_MAIN("ring")
 *
 * Results are TAP, so that meson and test/run.sh count single tests.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_MAX 512

extern struct CMUnitTest test_list[TEST_MAX];
extern size_t test_count;

/** Define a test; its name states the case and its outcome. */
#define TEST(name)                                                                 \
	static void test_##name(void **state);                                     \
	__attribute__((constructor)) static void test_register_##name(void)        \
	{                                                                          \
		assert_true(test_count < TEST_MAX);                                \
		test_list[test_count++] =                                          \
			(struct CMUnitTest){#name, test_##name, NULL, NULL, NULL}; \
	}                                                                          \
	static void test_##name(void **state __attribute__((unused)))

/** Compare two integers; on failure both are printed. */
#define CHECK_INT(a, op, b)                                                                     \
	do {                                                                                    \
		long long check_a = (long long)(a), check_b = (long long)(b);                   \
		if (!(check_a op check_b)) {                                                    \
			print_error("%s %s %s: %lld (0x%llx) against %lld (0x%llx)\n", #a, #op, \
			            #b, check_a, (unsigned long long)check_a, check_b,          \
			            (unsigned long long)check_b);                               \
			_fail(__FILE__, __LINE__);                                              \
		}                                                                               \
	} while (0)

/** Check a condition. */
#define CHECK(cond) _assert_true((cond) ? 1 : 0, #cond, __FILE__, __LINE__)

/** Check that two memory areas are equal. */
#define CHECK_MEM(a, b, len) assert_memory_equal(a, b, len)

/** End the test as skipped, saying why. */
#define SKIP(why)                                      \
	do {                                           \
		print_message("# skipped: %s\n", why); \
		skip();                                \
	} while (0)

/**
 * Split @p line at blanks, in place, into @p argv, which has room for @p max words and a NULL.
 * @return how many there are.
 */
static inline int
test_words(char *line, char **argv, int max)
{
	char *save = NULL, *word;
	int n = 0;

	for (word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		CHECK(n < max);
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n;
}

/** Writer behind stdout: to cmocka a skipped test is "not ok", to TAP readers that is a failure. */
static inline ssize_t
test_write_tap(void *fd, const char *text, size_t len)
{
	const char *skip_mark = memmem(text, len, "# SKIP", 6);
	size_t drop = 0;

	if (skip_mark != NULL && len > 4 && memcmp(text, "not ok", 6) == 0)
		drop = 4;
	if (write((int)(intptr_t)fd, text + drop, len - drop) < 0)
		return -1;
	return (ssize_t)len;
}

/** Run all registered tests as group @p group. @return the number that failed. */
static inline int
test_run_all(const char *group)
{
	static char line[4096];
	const cookie_io_functions_t io = {.write = test_write_tap};
	FILE *out = fopencookie((void *)(intptr_t)STDOUT_FILENO, "w", io);

	if (getenv("CMOCKA_MESSAGE_OUTPUT") == NULL)
		cmocka_set_message_output(CM_OUTPUT_TAP);
	if (out != NULL) {
		setvbuf(out, line, _IOLBF, sizeof(line)); /* whole lines reach the writer */
		fflush(stdout);
		stdout = out;
	}
	return _cmocka_run_group_tests(group, test_list, test_count, NULL, NULL);
}

/** The storage of the list; exactly one file of a test program has TEST_LIST or TEST_MAIN. */
#define TEST_LIST                              \
	struct CMUnitTest test_list[TEST_MAX]; \
	size_t test_count;

/** The main function of a test program without arguments. */
#define TEST_MAIN(group)                                 \
	TEST_LIST                                        \
	int main(void)                                   \
	{                                                \
		return test_run_all(group) == 0 ? 0 : 1; \
	}

#endif /* TEST_H */
