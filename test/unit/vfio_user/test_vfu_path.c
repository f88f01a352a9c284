/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The name of a socket: what others have put there stays, what a killed server left goes. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include "vfu_path.h"
#include "vfu_session.h"

#define PRECIOUS "a line that took its user a week\n"

static char folder[32], path[64], lock[80];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/vfu_XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/socket", folder);
	snprintf(lock, sizeof(lock), "%s" VFU_PATH_LOCK, path);
}

/** The folder holds no more than what the test has put there. */
static void
remove_folder(void)
{
	unlink(path);
	unlink(lock);
	CHECK_INT(rmdir(folder), ==, 0);
}

static int
listen_at(struct vfu_path *p)
{
	CHECK_INT(vfu_path_init(p, path), ==, 0);
	return vfu_path_listen(p);
}

static void
lay_file(const char *where)
{
	int fd = open(where, O_CREAT | O_EXCL | O_WRONLY, 0600);

	CHECK_INT(write(fd, PRECIOUS, sizeof(PRECIOUS) - 1), ==, sizeof(PRECIOUS) - 1);
	close(fd);
}

static void
check_file(const char *where)
{
	char text[sizeof(PRECIOUS)] = "";
	int fd = open(where, O_RDONLY);

	CHECK_INT(read(fd, text, sizeof(text)), ==, sizeof(PRECIOUS) - 1);
	CHECK(strcmp(text, PRECIOUS) == 0);
	close(fd);
}

/** Another program's socket of this type at the name. @return its descriptor */
static int
bind_other(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	CHECK_INT(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	return fd;
}

/** What the end of a process does. */
static void
kill_server(struct vfu_path *p, int fd)
{
	close(fd);
	close(p->lock_fd);
	CHECK_INT(access(path, F_OK), ==, 0);
}

TEST(socket_of_a_killed_server_is_replaced)
{
	struct vfu_path p, again;
	int fd;

	make_folder();
	fd = listen_at(&p);
	CHECK_INT(fd, >=, 0);
	CHECK_INT(chmod(path, 0666), ==, 0); /* for a QEMU of another user */
	kill_server(&p, fd);
	fd = listen_at(&again);
	CHECK_INT(fd, >=, 0);
	close(fd);
	vfu_path_release(&again);
	CHECK_INT(access(path, F_OK), ==, -1);
	CHECK_INT(access(lock, F_OK), ==, -1);
	remove_folder();
}

TEST(lock_of_a_server_killed_without_its_socket_is_taken_over)
{
	struct vfu_path p, again;
	int fd;

	make_folder();
	fd = listen_at(&p);
	kill_server(&p, fd);
	unlink(path);
	fd = listen_at(&again);
	CHECK_INT(fd, >=, 0);
	close(fd);
	vfu_path_release(&again);
	remove_folder();
}

TEST(socket_of_another_program_is_left_though_nobody_listens)
{
	const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	struct vfu_path p;
	struct stat st;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		make_folder();
		fd = bind_other(types[i]);
		CHECK_INT(listen_at(&p), ==, -EEXIST); /* it may listen in a moment */
		close(fd);
		CHECK_INT(listen_at(&p), ==, -EEXIST);
		CHECK_INT(lstat(path, &st), ==, 0);
		CHECK(S_ISSOCK(st.st_mode));
		CHECK_INT(access(lock, F_OK), ==, -1);
		remove_folder();
	}
}

TEST(socket_of_another_program_behind_a_killed_server_is_left)
{
	struct vfu_path p, again;
	int fd;

	make_folder();
	fd = listen_at(&p);
	kill_server(&p, fd);
	unlink(path);
	close(bind_other(SOCK_STREAM));
	CHECK_INT(listen_at(&again), ==, -EEXIST);
	CHECK_INT(access(path, F_OK), ==, 0);
	remove_folder();
}

TEST(file_of_that_name_is_left_alone)
{
	struct vfu_path p;

	make_folder();
	lay_file(path);
	CHECK_INT(listen_at(&p), ==, -EEXIST);
	check_file(path);
	CHECK_INT(access(lock, F_OK), ==, -1);
	remove_folder();
}

TEST(file_named_like_the_lock_is_left_alone)
{
	struct vfu_path p;

	make_folder();
	lay_file(lock);
	CHECK_INT(listen_at(&p), ==, -EEXIST);
	check_file(lock);
	unlink(lock);
	CHECK_INT(symlink("elsewhere", lock), ==, 0);
	CHECK_INT(listen_at(&p), ==, -EEXIST);
	CHECK_INT(unlink(lock), ==, 0);
	remove_folder();
}

TEST(name_that_is_in_use_is_refused)
{
	struct vfu_path p, other;
	int fd;

	make_folder();
	fd = listen_at(&p);
	CHECK_INT(listen_at(&other), ==, -EADDRINUSE);
	unlink(path); /* its holder still has the lock */
	CHECK_INT(listen_at(&other), ==, -EADDRINUSE);
	close(fd);
	vfu_path_release(&p);
	remove_folder();
}

TEST(session_leaves_what_another_has_put_at_its_name)
{
	struct vfu_session_conf conf = {.path = path, .func = {.device = IOAT_MODEL_IVB}};
	struct vfu_session *session;
	int fd;

	make_folder();
	CHECK_INT(vfu_session_open(&session, &conf), ==, 0);
	unlink(path);
	lay_file(path);
	CHECK_INT(vfu_session_close(session), ==, 0);
	check_file(path);
	unlink(path);
	CHECK_INT(vfu_session_open(&session, &conf), ==, 0);
	unlink(path);
	fd = bind_other(SOCK_STREAM);
	CHECK_INT(vfu_session_close(session), ==, 0);
	CHECK_INT(access(path, F_OK), ==, 0);
	close(fd);
	remove_folder();
}

TEST_MAIN("vfu_path")
