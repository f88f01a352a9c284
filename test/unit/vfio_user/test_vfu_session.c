/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The socket as a name in a folder: who may listen there, who comes and goes. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rig.h"
#include "test.h"
#include "vfu_session.h"

static char folder[32], path[64];

static int
open_at(struct vfu_session **session, const char *where)
{
	struct vfu_session_conf conf = {.path = where, .func = {.device = IOAT_MODEL_IVB}};

	return vfu_session_open(session, &conf);
}

static void
make_folder(void)
{
	strcpy(folder, "/tmp/vfu_XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/socket", folder);
}

static void
remove_folder(void)
{
	unlink(path);
	CHECK_INT(rmdir(folder), ==, 0);
}

static int
connect_to(const char *where)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(strlen(where) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, where);
	CHECK_INT(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	return fd;
}

TEST(clients_are_served_one_after_the_other)
{
	struct vfu_session *session;
	struct rig r = {.mem_fd = -1};
	int i;

	make_folder();
	CHECK_INT(open_at(&session, path), ==, 0);
	for (i = 0; i < 20; i++) {
		r.fd = connect_to(path);
		CHECK_INT(rig_version(&r), >, 0);
		CHECK_INT(rig_read(&r, CFG, 0, 4), ==, 0x0e208086);
		CHECK_INT(rig_read(&r, CFG, 4, 2), ==, 0);
		rig_write(&r, CFG, 4, 6, 2);
		close(r.fd);
	}
	vfu_session_close(session);
	CHECK_INT(access(path, F_OK), ==, -1);
	remove_folder();
}

/* Lines that a session writes about ranges that it did not map. */
static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[8][200];
static unsigned int line_count;

static void
keep_line(const char *where, const char *text)
{
	CHECK(strcmp(where, path) == 0);
	if (strstr(text, "not mapped") == NULL)
		return;
	pthread_mutex_lock(&lines_lock);
	CHECK_INT(line_count, <, 8);
	snprintf(lines[line_count++], sizeof(lines[0]), "%s", text);
	pthread_mutex_unlock(&lines_lock);
}

/* Others come rarer and rarer: a client can have millions refused. */
TEST(range_that_is_not_mapped_is_a_line_with_its_reason_and_is_counted)
{
	struct vfu_session_conf conf = {.log = keep_line, .func = {.device = IOAT_MODEL_IVB}};
	struct vfu_session *session;
	struct vfu_func_stats stats;
	struct rig r = {.mem_fd = -1};
	int i;

	make_folder();
	conf.path = path;
	CHECK_INT(vfu_session_open(&session, &conf), ==, 0);
	r.fd = connect_to(path);
	CHECK_INT(rig_version(&r), >, 0);
	CHECK_INT(rig_map(&r, 0x10000, 0x2000, 3, -1, 0), ==, 0);
	CHECK_INT(line_count, ==, 0);
	CHECK_INT(rig_map(&r, 0x11000, 0x1000, 3, -1, 0), ==, -EEXIST);
	CHECK_INT(rig_map(&r, 0x20000, 0x1001, 3, -1, 0), ==, -EINVAL);
	CHECK_INT(rig_map(&r, 0x30000, 0x1000, 3, STDIN_FILENO, 0), <, 0);
	for (i = 0; i < 60; i++)
		CHECK_INT(rig_map(&r, 0x10000, 0x1000, 3, -1, 0), ==, -EEXIST);
	vfu_func_stats(vfu_session_func(session), &stats);
	CHECK_INT(stats.refused, ==, 63);
	CHECK_INT(stats.ranges, ==, 1);
	close(r.fd);
	vfu_session_close(session);
	CHECK_INT(line_count, ==, 6); /* 1, 2, 4, 8, 16, 32 */
	assert_string_equal(lines[0], "4096 bytes at 0x11000 are not mapped: File exists (1 "
	                              "refused to this client; the limit is 4194304 ranges)");
	CHECK(strstr(lines[1], "4097 bytes at 0x20000") != NULL);
	CHECK(strstr(lines[5], "(32 refused") != NULL);
	remove_folder();
}

TEST(end_of_the_session_dismisses_its_client)
{
	struct vfu_session *session;
	struct rig r = {.mem_fd = -1};

	make_folder();
	CHECK_INT(open_at(&session, path), ==, 0);
	r.fd = connect_to(path);
	CHECK_INT(rig_version(&r), >, 0);
	vfu_session_close(session);
	CHECK(rig_is_cut_off(&r));
	close(r.fd);
	remove_folder();
}

/* The lock of a function stands for all that a client may hold up. */
struct holder {
	pthread_t thread;
	struct vfu_func *func;
	sem_t held, done;
};

static void *
hold(void *arg)
{
	struct holder *h = arg;

	vfu_func_lock(h->func);
	sem_post(&h->held);
	sem_wait(&h->done);
	vfu_func_unlock(h->func);
	return NULL;
}

static void
hold_start(struct holder *h, struct vfu_func *func)
{
	h->func = func;
	sem_init(&h->held, 0, 0);
	sem_init(&h->done, 0, 0);
	CHECK_INT(pthread_create(&h->thread, NULL, hold, h), ==, 0);
	sem_wait(&h->held);
}

static void
hold_end(struct holder *h)
{
	sem_post(&h->done);
	pthread_join(h->thread, NULL);
	sem_destroy(&h->held);
	sem_destroy(&h->done);
}

TEST(sessions_that_do_not_stop_share_one_time_limit)
{
	enum {
		SESSIONS = 4
	};
	struct vfu_session *session[SESSIONS];
	struct holder holder[SESSIONS];
	char name[SESSIONS][80];
	struct timespec begin, end;
	struct rig r = {.mem_fd = -1};
	int fd[SESSIONS], i;

	make_folder();
	for (i = 0; i < SESSIONS; i++) {
		snprintf(name[i], sizeof(name[i]), "%s.%d", path, i);
		CHECK_INT(open_at(&session[i], name[i]), ==, 0);
		r.fd = fd[i] = connect_to(name[i]);
		CHECK_INT(rig_version(&r), >, 0); /* it is served, not only connected */
		hold_start(&holder[i], vfu_session_func(session[i]));
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < SESSIONS; i++)
		vfu_session_stop(session[i]);
	for (i = 0; i < SESSIONS; i++)
		CHECK_INT(vfu_session_close(session[i]), ==, -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK_INT(end.tv_sec - begin.tv_sec, >=, VFU_STOP_MS / 1000 - 1);
	/* All at a time, and not one after the other: what is left over is for a busy machine. */
	CHECK_INT(end.tv_sec - begin.tv_sec, <, SESSIONS * VFU_STOP_MS / 1000 - 1);
	for (i = 0; i < SESSIONS; i++) {
		hold_end(&holder[i]);
		while (vfu_session_close(session[i]) < 0) /* the time is up, but it does stop */
			usleep(10000);
		close(fd[i]);
	}
	remove_folder();
}

TEST(socket_in_use_is_left_alone)
{
	struct vfu_session *first, *second;

	make_folder();
	CHECK_INT(open_at(&first, path), ==, 0);
	CHECK_INT(open_at(&second, path), ==, -EADDRINUSE);
	CHECK_INT(access(path, F_OK), ==, 0);
	vfu_session_close(first);
	remove_folder();
}

TEST(paths_that_cannot_be_are_refused)
{
	struct vfu_session *session;
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK_INT(open_at(&session, name), ==, -ENAMETOOLONG);
	CHECK_INT(open_at(&session, "/nonexistent/folder/socket"), ==, -ENOENT);
}

TEST(failed_open_leaks_no_descriptor)
{
	unsigned int before = rig_open_fds();
	struct vfu_session *session;

	CHECK_INT(open_at(&session, "/nonexistent/folder/socket"), ==, -ENOENT);
	CHECK_INT(rig_open_fds(), ==, before);
}

TEST_MAIN("vfu_session")
