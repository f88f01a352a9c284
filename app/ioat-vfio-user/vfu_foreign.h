/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_FOREIGN_H
#define VFU_FOREIGN_H

/**
 * @file
 * Descriptors that a client sent, which may be of any kind: a file that the client itself serves
 * (FUSE, NFS), a terminal that waits for its output, a socket that lingers. To ask about such a
 * file, and to close it, may wait for the client for ever, and no signal ends that wait. So these
 * functions are for a process that may be lost (vfu_helper.h).
 */

/**
 * Check that a descriptor can be handed to the server: it is a memory file or an eventfd, which
 * the kernel itself serves. A memfd and an eventfd are found without asking the file.
 * @return 0; -EINVAL: it is something else; negative errno: it cannot be told.
 */
int vfu_foreign_check(int fd);

/** Close a descriptor that may be of any kind. */
void vfu_foreign_close(int fd);

#endif /* VFU_FOREIGN_H */
