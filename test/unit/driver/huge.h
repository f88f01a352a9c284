/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef HUGE_H
#define HUGE_H

/**
 * @file
 * Huge pages, which some tests cannot do without.
 */

#include <stdbool.h>

/** Free huge pages of the default size, as the kernel counts them. */
long huge_pages_free(void);

/**
 * Where a hugetlbfs with pages of the default size is mounted, by which EAL shares them between
 * processes, and this one may make files. For --huge-dir: EAL would take the first one.
 * @param folder  of 256 bytes
 * @return NULL, or why there is no such place.
 */
const char *huge_find_mount(char *folder);

/** Unlink what processes of file prefix @p prefix left: EAL keeps the files of those that ended. */
void huge_sweep(const char *pages, const char *run, const char *prefix);

#endif /* HUGE_H */
