/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_GUARD_H
#define VFU_GUARD_H

/**
 * @file
 * Access to mapped files of a client, which may become shorter at any time: touching what is
 * gone raises SIGBUS, and these functions turn that into an error.
 *
 * Reading and writing the file instead would need no handler, but hugetlbfs cannot be written
 * to, a write behind the end makes the file grow, and a completion word must be stored in one
 * piece.
 */

#include <stddef.h>
#include <stdint.h>

/**
 * Take over SIGBUS, for the process. A SIGBUS outside of the functions below is as fatal as
 * ever. Call it once, before the first of them. @return 0; negative errno.
 */
int vfu_guard_start(void);

/**
 * Copy, where one of the sides is mapped from a file of a client. Any thread.
 * @return 0; -EIO: the file has no memory there any more (some bytes may have been copied).
 */
int vfu_guard_copy(void *to, const void *from, size_t len);

/** Store one aligned word in one piece, with release order. @return as vfu_guard_copy(). */
int vfu_guard_store64(uint64_t *to, uint64_t value);

#endif /* VFU_GUARD_H */
