/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_PATH_H
#define VFU_PATH_H

/**
 * @file
 * The name of a socket in a folder, and who may take it.
 *
 * PATH.lock is held while the name is in use, and tells which socket was made there. So what a
 * killed server left is known from what others have put there, and only the former is removed.
 */

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

#define VFU_PATH_LOCK  ".lock"
#define VFU_PATH_TEMP  ".XXXXXX"
#define VFU_PATH_EXTRA sizeof(VFU_PATH_LOCK VFU_PATH_TEMP)

/** A name that is taken, or free: lock_fd is negative. One thread at a time. */
struct vfu_path {
	struct sockaddr_un addr;
	char lock[sizeof(((struct sockaddr_un *)0)->sun_path) + VFU_PATH_EXTRA];
	int lock_fd;
	bool bound;
	struct stat made; /**< the socket, if bound */
};

/**
 * Name @p path; nothing is taken yet.
 * @return 0; -ENAMETOOLONG.
 */
int vfu_path_init(struct vfu_path *p, const char *path);

/**
 * Take the name and listen there. What a killed server left is replaced.
 * @return a descriptor, which the caller closes; -EADDRINUSE: someone listens there or holds the
 * lock; -EEXIST: PATH or PATH.lock is there and is of somebody else; other negative errno.
 */
int vfu_path_listen(struct vfu_path *p);

/** Remove the socket and the lock, unless others have put something there, and free the name. */
void vfu_path_release(struct vfu_path *p);

#endif /* VFU_PATH_H */
