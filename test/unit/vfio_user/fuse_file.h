/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef FUSE_FILE_H
#define FUSE_FILE_H

/**
 * @file
 * A file that a process of the test serves, by the protocol of /dev/fuse, and that keeps whoever
 * asks or closes it waiting for as long as the test wants.
 */

#include <stdbool.h>

/**
 * Mount the file system for a moment, open its files, and serve them in a process that ends with
 * this one. More calls do nothing.
 * @return 0; -EPERM, -EACCES: no rights for it; -ENOENT, -ENODEV: no /dev/fuse.
 */
int fuse_file_start(void);

/**
 * A descriptor, another one at each call; not to be closed before fuse_file_release().
 * @return -EMFILE: there is none left.
 */
int fuse_file_open(void);

/** From now on nothing is answered to who closes the file; @p all: nor to who asks about it. */
void fuse_file_hold(bool all);

/** Answer what was held back, and all that comes. */
void fuse_file_release(void);

/** Wait until @p n requests are held back, 60 seconds at most. @return whether they are. */
bool fuse_file_wait_held(unsigned int n);

#endif /* FUSE_FILE_H */
