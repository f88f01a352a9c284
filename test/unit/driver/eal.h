/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef EAL_H
#define EAL_H

/**
 * @file
 * The main function of a test program inside EAL.
 */

#include "test.h"

#include "ioat_dpdk.h"

/** Start EAL with the words of @p args and run all tests as @p group. @return an exit code. */
static inline int
eal_test_main(const char *args, const char *group)
{
	char text[640], *argv[32];

	snprintf(text, sizeof(text), "%s %s", group, args);
	if (rte_eal_init(test_words(text, argv, 31), argv) < 0) {
		printf("Bail out! EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	return test_run_all(group) == 0 ? 0 : 1;
}

#endif /* EAL_H */
