/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "fuse_file.h"

#define FILES    16u
#define FILE_INO 2
#define HELD_MAX 256u
#define WAIT_S   60

/** Of the test and of the process that serves; the latter outlives no exit of the former. */
struct shared {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hold_close, hold_all;
	uint64_t held[HELD_MAX];
	unsigned int held_count;
};

static struct {
	struct shared *shared; /* NULL: not started */
	int wake;              /* of the process that serves */
	int dev;               /* its own alone: when it ends, nobody waits any more */
	int file[FILES];
	unsigned int files; /* that are left */
} fuse;

static void
fuse_answer(uint64_t unique, int error, const void *data, size_t len)
{
	char out[1024];
	struct fuse_out_header head = {.error = error, .unique = unique};

	head.len = (uint32_t)(sizeof(head) + len);
	memcpy(out, &head, sizeof(head));
	if (len != 0)
		memcpy(out + sizeof(head), data, len);
	if (write(fuse.dev, out, head.len) < 0)
		return; /* who asked has gone */
}

static struct fuse_attr
fuse_attr_of(uint64_t ino)
{
	return (struct fuse_attr){
		.ino = ino,
		.mode = ino == FILE_INO ? S_IFREG | 0666 : S_IFDIR | 0755,
		.nlink = 1,
		.size = 1u << 20,
		.blksize = 4096,
	};
}

static void
fuse_serve_init(const struct fuse_in_header *in, const struct fuse_init_in *ask)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = ask->minor < FUSE_KERNEL_MINOR_VERSION ? ask->minor
	                                                        : FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};

	fuse_answer(in->unique, 0, &out, sizeof(out));
}

static void
fuse_serve_request(const struct fuse_in_header *in, const void *body)
{
	struct fuse_attr_out attr = {.attr = fuse_attr_of(in->nodeid)};
	struct fuse_entry_out entry = {.nodeid = FILE_INO, .attr = fuse_attr_of(FILE_INO)};
	struct fuse_statfs_out statfs = {0};
	struct fuse_open_out open = {0};

	switch (in->opcode) {
	case FUSE_INIT:
		fuse_serve_init(in, body);
		break;
	case FUSE_LOOKUP:
		fuse_answer(in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		fuse_answer(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_STATFS:
		fuse_answer(in->unique, 0, &statfs, sizeof(statfs));
		break;
	case FUSE_OPEN:
		fuse_answer(in->unique, 0, &open, sizeof(open));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		fuse_answer(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break; /* want no answer */
	default:
		fuse_answer(in->unique, -ENOSYS, NULL, 0);
		break;
	}
}

/** Keep a request back. @return false: it is to be answered. */
static bool
fuse_keep(const struct fuse_in_header *in)
{
	struct shared *sh = fuse.shared;
	bool asks = in->opcode == FUSE_GETATTR || in->opcode == FUSE_STATFS;
	bool keep;

	pthread_mutex_lock(&sh->lock);
	keep = (in->opcode == FUSE_FLUSH && sh->hold_close) || (asks && sh->hold_all);
	keep = keep && sh->held_count < HELD_MAX;
	if (keep) {
		sh->held[sh->held_count++] = in->unique;
		pthread_cond_broadcast(&sh->changed);
	}
	pthread_mutex_unlock(&sh->lock);
	return keep;
}

/** Answer what was held back, if nothing shall be. */
static void
fuse_let_go(void)
{
	struct shared *sh = fuse.shared;
	uint64_t n;

	if (read(fuse.wake, &n, sizeof(n)) < 0)
		return;
	pthread_mutex_lock(&sh->lock);
	while (!sh->hold_close && sh->held_count > 0)
		fuse_answer(sh->held[--sh->held_count], -EIO, NULL, 0);
	pthread_mutex_unlock(&sh->lock);
}

static void
fuse_serve(void)
{
	static union {
		struct fuse_in_header head;
		char bytes[64 << 10];
	} in;
	struct pollfd fds[2] = {{.fd = fuse.dev, .events = POLLIN},
	                        {.fd = fuse.wake, .events = POLLIN}};
	ssize_t n;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			fuse_let_go();
		if (fds[0].revents == 0)
			continue;
		n = read(fuse.dev, &in, sizeof(in));
		if (n < 0 && errno == ENODEV)
			_exit(0);
		if (n >= (ssize_t)sizeof(in.head) && !fuse_keep(&in.head))
			fuse_serve_request(&in.head, in.bytes + sizeof(in.head));
	}
}

static int
fuse_share(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	struct shared *sh =
		mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fuse.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (sh == MAP_FAILED || fuse.wake < 0)
		return -errno;
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&sh->lock, &mutex);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&sh->changed, &cond);
	fuse.shared = sh;
	return 0;
}

/** Make the process that serves, before there is a file that it could have, too. */
static int
fuse_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fuse_serve();
	}
	return pid < 0 ? -errno : 0;
}

/** Open the files and let nothing of the mount be left behind but them. */
static int
fuse_open_files(const char *folder)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/file", folder);
	while (fuse.files < FILES) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		fuse.file[fuse.files++] = fd;
	}
	return 0;
}

/** Mount on @p folder. @return 0; negative errno. */
static int
fuse_mount(const char *folder)
{
	char options[96];
	int rc;

	fuse.dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse.dev < 0)
		return -errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse.dev);
	rc = mount("vfu_fuse", folder, "fuse", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : -errno;
	if (rc == 0) {
		rc = fuse_share();
		if (rc == 0)
			rc = fuse_fork();
	}
	close(fuse.dev);
	if (rc == 0)
		rc = fuse_open_files(folder);
	umount2(folder, MNT_DETACH); /* if it is not mounted, nothing happens */
	return rc;
}

int
fuse_file_start(void)
{
	char folder[] = "/tmp/vfu_fuse_XXXXXX";
	int rc;

	if (fuse.files > 0)
		return 0;
	if (mkdtemp(folder) == NULL)
		return -errno;
	rc = fuse_mount(folder);
	rmdir(folder);
	return rc;
}

int
fuse_file_open(void)
{
	return fuse.files > 0 ? fuse.file[--fuse.files] : -EMFILE;
}

void
fuse_file_hold(bool all)
{
	pthread_mutex_lock(&fuse.shared->lock);
	fuse.shared->hold_close = true;
	fuse.shared->hold_all = all;
	pthread_mutex_unlock(&fuse.shared->lock);
}

void
fuse_file_release(void)
{
	pthread_mutex_lock(&fuse.shared->lock);
	fuse.shared->hold_close = false;
	fuse.shared->hold_all = false;
	pthread_mutex_unlock(&fuse.shared->lock);
	eventfd_write(fuse.wake, 1);
}

bool
fuse_file_wait_held(unsigned int n)
{
	struct shared *sh = fuse.shared;
	struct timespec until;
	bool held;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&sh->lock);
	while (sh->held_count < n && rc == 0)
		rc = pthread_cond_timedwait(&sh->changed, &sh->lock, &until);
	held = sh->held_count >= n;
	pthread_mutex_unlock(&sh->lock);
	return held;
}
