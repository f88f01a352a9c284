/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vfu_path.h"

#define TRIES     8u  /* that others make or remove the lock meanwhile */
#define TEXT_SIZE 128 /* of a lock */
#define MARK      "ioat-vfio-user"

/** An inode's number is used again; mtime of a socket stays when its owner or mode changes. */
static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/** What a lock says of its socket: what is_same() looks at. */
static void
lock_text(char text[TEXT_SIZE], const struct stat *made)
{
	snprintf(text, TEXT_SIZE, MARK " %ju %ju %jd.%09ld\n", (uintmax_t)made->st_dev,
	         (uintmax_t)made->st_ino, (intmax_t)made->st_mtim.tv_sec, made->st_mtim.tv_nsec);
}

/** Note the socket in the lock. @return 0; negative errno. */
static int
lock_write(int fd, const struct stat *made)
{
	char text[TEXT_SIZE];
	ssize_t done;

	lock_text(text, made);
	done = pwrite(fd, text, strlen(text), 0);
	if (done < 0 || ftruncate(fd, done) < 0)
		return -errno;
	return (size_t)done == strlen(text) ? 0 : -ENOSPC;
}

static bool
lock_says(int fd, const char *want, size_t len)
{
	char text[TEXT_SIZE] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 && strncmp(text, want, len) == 0;
}

/** Make the lock, which appears held and with its mark. @return 0; -EEXIST; negative errno. */
static int
lock_make(struct vfu_path *p)
{
	static const struct stat none;
	char temp[sizeof(p->lock)];
	int fd, rc;

	snprintf(temp, sizeof(temp), "%s" VFU_PATH_LOCK VFU_PATH_TEMP, p->addr.sun_path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = lock_write(fd, &none);
	if (rc == 0 && (flock(fd, LOCK_EX | LOCK_NB) < 0 || link(temp, p->lock) < 0))
		rc = -errno;
	unlink(temp);
	if (rc < 0)
		close(fd);
	else
		p->lock_fd = fd;
	return rc;
}

/** Take a lock that a killed server left. @return 0; -ENOENT: it is gone; as vfu_path_listen(). */
static int
lock_take_over(struct vfu_path *p)
{
	int fd = open(p->lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat opened, named;
	int rc = 0;

	if (fd < 0)
		return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -EEXIST : -errno;
	if (fstat(fd, &opened) < 0)
		rc = -errno;
	else if (!S_ISREG(opened.st_mode) || !lock_says(fd, MARK " ", sizeof(MARK)))
		rc = -EEXIST;
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	else if (lstat(p->lock, &named) < 0 || !is_same(&opened, &named))
		rc = -ENOENT; /* its owner has just ended */
	if (rc < 0)
		close(fd);
	else
		p->lock_fd = fd;
	return rc;
}

static int
lock_take(struct vfu_path *p)
{
	int rc = -EADDRINUSE;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		rc = lock_take_over(p);
		if (rc == -ENOENT)
			rc = lock_make(p);
		else
			return rc;
		if (rc != -EEXIST)
			return rc;
	}
	return -EADDRINUSE;
}

/** Remove the socket of a killed server. @return 0: the name is free; as vfu_path_listen(). */
static int
remove_stale(const struct vfu_path *p)
{
	char text[TEXT_SIZE];
	struct stat st;
	int fd, rc;

	if (lstat(p->addr.sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	lock_text(text, &st);
	/* Who made it has ended, or the lock were held; a lost helper of it may listen still. */
	if (lock_says(p->lock_fd, text, strlen(text)))
		return unlink(p->addr.sun_path) == 0 ? 0 : -errno;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)&p->addr, sizeof(p->addr)) == 0 ? 0 : -errno;
	close(fd);
	/* If nobody listens, then perhaps only yet: it may be of any program. */
	return rc == 0 || rc == -EAGAIN ? -EADDRINUSE : -EEXIST;
}

int
vfu_path_init(struct vfu_path *p, const char *path)
{
	memset(p, 0, sizeof(*p));
	p->lock_fd = -1;
	if (strlen(path) >= sizeof(p->addr.sun_path))
		return -ENAMETOOLONG;
	p->addr.sun_family = AF_UNIX;
	snprintf(p->addr.sun_path, sizeof(p->addr.sun_path), "%s", path);
	snprintf(p->lock, sizeof(p->lock), "%s" VFU_PATH_LOCK, path);
	return 0;
}

int
vfu_path_listen(struct vfu_path *p)
{
	int fd, rc;

	rc = lock_take(p);
	if (rc < 0)
		return rc;
	fd = -1;
	rc = remove_stale(p);
	if (rc < 0)
		goto fail;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&p->addr, sizeof(p->addr)) < 0) {
		rc = -errno;
		goto fail;
	}
	p->bound = lstat(p->addr.sun_path, &p->made) == 0;
	rc = p->bound ? lock_write(p->lock_fd, &p->made) : -errno;
	if (rc == 0 && listen(fd, 1) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
fail:
	if (fd >= 0)
		close(fd);
	vfu_path_release(p);
	return rc;
}

void
vfu_path_release(struct vfu_path *p)
{
	struct stat st, held;

	if (p->bound && lstat(p->addr.sun_path, &st) == 0 && is_same(&st, &p->made))
		unlink(p->addr.sun_path);
	p->bound = false;
	if (p->lock_fd < 0)
		return;
	if (fstat(p->lock_fd, &held) == 0 && lstat(p->lock, &st) == 0 && is_same(&st, &held))
		unlink(p->lock);
	close(p->lock_fd);
	p->lock_fd = -1;
}
