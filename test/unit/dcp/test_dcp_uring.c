/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <liburing.h>
#include <rte_errno.h>

#include "test.h"

#include "dcp.h"
#include "dcp_uring.h"
#include "rig.h"
#include "rig_uring.h"

#define DEPTH 8

static struct dcp_port *port;
static struct dcp_worker *w;
static uint16_t ring;
static struct dcp_cpl cpl[64];

static void
begin(void)
{
	port = rig_uring_port();
	w = rig_worker(port, 0);
	ring = rig_uring(port, DEPTH);
}

/* Delete the ring and all; nothing is in flight. */
static void
end(void)
{
	dcp_worker_del(w);
	CHECK_INT(dcp_chan_del(port, ring, false, 0), ==, 0);
	rig_end(port);
}

static int
get(uint16_t max)
{
	memset(cpl, 0xEE, sizeof(cpl));
	return dcp_get(w, cpl, max, 10000 * MS);
}

/* --- add */

TEST(ring_wants_a_legal_depth_and_a_port_that_expects_it)
{
	struct dcp_port *plain = rig_port();

	port = rig_uring_port();
	CHECK_INT(dcp_uring_add(port, 0, 0), ==, -EINVAL);
	CHECK_INT(dcp_uring_add(port, DCP_URING_DEPTH_MAX + 1, 0), ==, -EINVAL);
	CHECK_INT(dcp_uring_add(plain, DEPTH, 0), ==, -ENOTSUP);
	dcp_close(port);
	CHECK_INT(dcp_uring_add(port, DEPTH, 0), ==, -ESHUTDOWN);
	rig_end(port);
	rig_end(plain);
}

TEST(rings_and_devices_share_max_chans)
{
	struct dcp_conf conf = rig_conf();
	struct fake_dev *dev = rig_device(32);
	int a, b;

	conf.flags = DCP_F_URING;
	conf.max_chans = 2;
	port = dcp_create(&conf);
	CHECK(port != NULL);
	a = dcp_uring_add(port, DEPTH, 77);
	b = rig_chan(port, dev, 0);
	CHECK_INT(a, >=, 0);
	CHECK_INT(dcp_chan_key(port, (uint16_t)a), ==, 77);
	CHECK_INT(dcp_uring_add(port, DEPTH, 0), ==, -ENOSPC);
	CHECK_INT(dcp_chan_del(port, (uint16_t)b, false, 0), ==, 0);
	b = dcp_uring_add(port, DEPTH, 0);
	CHECK_INT(b, >=, 0);
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 0, 0), ==, -ENOSPC);
	CHECK_INT(dcp_chan_del(port, (uint16_t)a, false, 0), ==, 0);
	CHECK_INT(dcp_uring_issue(port, (uint16_t)a, NULL, 0), ==, -EINVAL);
	rig_end(port);
	rig_device_free(dev);
}

TEST(each_kind_of_channel_refuses_the_operations_of_the_other)
{
	struct fake_dev *dev = rig_device(32);
	struct io_uring_sqe sqe;
	uint16_t chan;

	begin();
	chan = rig_chan(port, dev, 0);
	io_uring_prep_nop(dcp_uring_sqe_clear(&sqe));
	CHECK_INT(dcp_uring_issue(port, chan, &sqe, 1), ==, -EINVAL);
	CHECK_INT(dcp_uring_issue(port, DCP_CHAN_POST, &sqe, 1), ==, -EINVAL);
	CHECK_INT(rig_issue(port, ring, 1, 1), ==, -ENOTSUP);
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EAGAIN);
	end();
	rig_device_free(dev);
}

/* Containers forbid io_uring by a filter. It binds the thread that installs it alone. */
static void *
add_behind_a_filter(void *error)
{
	struct sock_filter insn[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0 /* the number of the system call */),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t) * (int *)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = RTE_DIM(insn), .filter = insn};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		return NULL;
	*(int *)error = dcp_uring_add(port, DEPTH, 0);
	return error;
}

TEST(forbidden_io_uring_is_told_and_leaves_the_port_as_it_was)
{
	static const int errors[] = {EPERM, EACCES, ENOSYS};
	pthread_t thread;
	void *done;

	begin();
	for (size_t i = 0; i < RTE_DIM(errors); i++) {
		int error = errors[i];

		CHECK_INT(pthread_create(&thread, NULL, add_behind_a_filter, &error), ==, 0);
		CHECK_INT(pthread_join(thread, &done), ==, 0);
		if (done == NULL)
			SKIP("this kernel has no seccomp filters");
		CHECK_INT(error, ==, -errors[i]);
	}
	CHECK_INT(rig_nops(port, ring, 1, 1), ==, 1);
	CHECK_INT(get(1), ==, 1);
	end();
}

/* --- preparing */

TEST(cleared_sqe_has_no_byte_of_what_was_in_it)
{
	static const struct io_uring_sqe zero;
	struct io_uring_sqe sqe[2];

	memset(sqe, 0xFF, sizeof(sqe));
	CHECK(dcp_uring_sqe_clear(sqe) == sqe);
	CHECK_MEM(sqe, &zero, sizeof(zero));
	CHECK_INT(sqe[1].opcode, ==, 0xFF);
}

/* As the guide does it. liburing 2.6 and later leave what an operation does not use as it is. */
TEST(operations_prepared_in_an_array_full_of_garbage_are_right)
{
	static const uint8_t garbage[] = {0xFF, IOSQE_IO_LINK, IOSQE_IO_DRAIN, IOSQE_FIXED_FILE};
	struct io_uring_sqe sqe[2];
	char text[] = "abc", got[8];
	int pair[2];

	begin();
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	for (size_t i = 0; i < RTE_DIM(garbage); i++) {
		CHECK_INT(send(pair[0], text, sizeof(text), 0), ==, sizeof(text));
		memset(sqe, garbage[i], sizeof(sqe));
		io_uring_prep_recv(dcp_uring_sqe_clear(&sqe[0]), pair[1], got, sizeof(got), 0);
		io_uring_sqe_set_data64(&sqe[0], 1);
		io_uring_prep_nop(dcp_uring_sqe_clear(&sqe[1]));
		io_uring_sqe_set_data64(&sqe[1], 2);
		CHECK_INT(dcp_uring_issue(port, ring, sqe, 2), ==, 2);
		for (int k = 0; k < 2; k++) {
			CHECK_INT(get(1), ==, 1);
			CHECK_INT(dcp_uring_res(cpl), ==, cpl[0].ctx == 1 ? sizeof(text) : 0);
		}
		CHECK_MEM(got, text, sizeof(text));
	}
	close(pair[0]);
	close(pair[1]);
	end();
}

/* --- results */

/* Issue one operation and take its record. */
static void
run(struct io_uring_sqe *sqe)
{
	io_uring_sqe_set_data64(sqe, 0xFEDCBA9876543210);
	CHECK_INT(dcp_uring_issue(port, ring, sqe, 1), ==, 1);
	CHECK_INT(get(2), ==, 1);
	CHECK_INT(cpl[0].ctx, ==, (long long)0xFEDCBA9876543210);
	CHECK_INT(cpl[0].chan, ==, ring);
}

TEST(record_carries_context_result_and_what_it_means)
{
	struct io_uring_sqe sqe;
	char text[] = "five", back[sizeof(text)];
	struct dcp_stats st;
	int pair[2], file = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	begin();
	CHECK(file >= 0);
	io_uring_prep_write(dcp_uring_sqe_clear(&sqe), file, text, sizeof(text), 0);
	run(&sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, sizeof(text));
	CHECK_INT(cpl[0].status, ==, DCP_ST_OK);
	io_uring_prep_read(dcp_uring_sqe_clear(&sqe), file, back, sizeof(back), 2);
	run(&sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, sizeof(text) - 2);
	CHECK_MEM(back, text + 2, sizeof(text) - 2);

	io_uring_prep_write(dcp_uring_sqe_clear(&sqe), -1, text, sizeof(text), 0);
	run(&sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, -EBADF);
	CHECK_INT(cpl[0].status, ==, DCP_ST_ERRNO);

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	close(pair[0]);
	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe), pair[1], back, sizeof(back), 0);
	run(&sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, 0);
	CHECK_INT(cpl[0].status, ==, DCP_ST_OK);
	io_uring_prep_send(dcp_uring_sqe_clear(&sqe), pair[1], text, sizeof(text), MSG_NOSIGNAL);
	run(&sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, -EPIPE);
	close(pair[1]);
	close(file);

	CHECK_INT(dcp_stats(port, ring, &st), ==, 0);
	CHECK_INT(st.issued, ==, 5);
	CHECK_INT(st.ok, ==, 3);
	CHECK_INT(st.failed, ==, 2);
	end();
}

TEST(timer_and_a_time_limit_linked_to_a_receive_come_at_their_time)
{
	struct __kernel_timespec ts = {.tv_nsec = 20 * MS};
	struct io_uring_sqe sqe[2];
	uint64_t start = rig_now_ns();
	char byte;
	int pair[2];

	begin();
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	io_uring_prep_timeout(dcp_uring_sqe_clear(sqe), &ts, 0, 0);
	run(sqe);
	CHECK_INT(dcp_uring_res(&cpl[0]), ==, -ETIME);
	CHECK_INT(rig_now_ns() - start, >=, 20 * MS);
	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe[0]), pair[1], &byte, 1, 0);
	io_uring_sqe_set_data64(&sqe[0], 1);
	sqe[0].flags = IOSQE_IO_LINK;
	io_uring_prep_link_timeout(dcp_uring_sqe_clear(&sqe[1]), &ts, 0);
	io_uring_sqe_set_data64(&sqe[1], 2);
	CHECK_INT(dcp_uring_issue(port, ring, sqe, 2), ==, 2);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(get(1), ==, 1);
		CHECK_INT(dcp_uring_res(&cpl[0]), ==, cpl[0].ctx == 1 ? -ECANCELED : -ETIME);
	}
	CHECK_INT(rig_now_ns() - start, >=, 40 * MS);
	close(pair[0]);
	close(pair[1]);
	end();
}

TEST(one_get_returns_copies_receives_file_reads_and_posts)
{
	struct fake_dev *dev = rig_device(32);
	struct io_uring_sqe sqe[2];
	char text[] = "text", got[8], page[8];
	int pair[2], file = open("/proc/self/exe", O_RDONLY);
	uint32_t seen = 0;
	uint16_t chan;

	begin();
	chan = rig_chan(port, dev, 0);
	CHECK(file >= 0);
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	CHECK_INT(send(pair[0], text, sizeof(text), 0), ==, sizeof(text));
	CHECK_INT(pread(file, page, 4, 0), ==, 4); /* so that it is in the page cache */
	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe[0]), pair[1], got, sizeof(got), 0);
	io_uring_sqe_set_data64(&sqe[0], 0);
	io_uring_prep_read(dcp_uring_sqe_clear(&sqe[1]), file, page, 4, 0);
	io_uring_sqe_set_data64(&sqe[1], 1);
	CHECK_INT(rig_issue(port, chan, 2, 2), ==, 2);
	rig_post(port, 4);
	CHECK_INT(dcp_uring_issue(port, ring, sqe, 2), ==, 2);
	rig_sleep_ms(20); /* in case the file system goes to a thread even so */
	CHECK_INT(get(64), ==, 5);
	for (int i = 0; i < 5; i++) {
		seen |= 1u << cpl[i].ctx;
		CHECK_INT(cpl[i].chan, ==,
		          cpl[i].ctx == 4 ? DCP_CHAN_POST : (cpl[i].ctx < 2 ? ring : chan));
	}
	CHECK_INT(seen, ==, 0x1f);
	CHECK_MEM(got, text, sizeof(text));
	CHECK_MEM(page, "\177ELF", 4);
	close(pair[0]);
	close(pair[1]);
	close(file);
	end();
	rig_device_free(dev);
}

/* --- room */

/* The mutant: uring_reserve() looks at the submission queue and not at what is in flight. */
TEST(ring_holds_its_depth_until_delivery)
{
	struct dcp_stats st;

	begin();
	CHECK_INT(rig_nops(port, ring, 0, 5), ==, 5);
	CHECK_INT(rig_nops(port, ring, 5, 5), ==, DEPTH - 5);
	CHECK_INT(rig_nops(port, ring, DEPTH, 1), ==, 0); /* finished, not delivered */
	CHECK_INT(get(2), ==, 2);
	CHECK_INT(rig_nops(port, ring, DEPTH, 5), ==, 2);
	CHECK_INT(get(64), ==, DEPTH);
	for (int i = 0; i < DEPTH; i++)
		CHECK_INT(cpl[i].ctx, ==, i + 2);
	CHECK_INT(dcp_stats(port, ring, &st), ==, 0);
	CHECK_INT(st.full, ==, 3);
	CHECK_INT(st.max_depth, ==, DEPTH);
	end();
}

TEST(depth_that_is_no_power_of_two_is_kept_exactly)
{
	begin();
	uint16_t odd = rig_uring(port, 5);

	CHECK_INT(rig_nops(port, odd, 0, 10), ==, 5);
	CHECK_INT(get(64), ==, 5);
	end();
}

/* Each context once, with the positions of both queues around their end many times. */
TEST(hundred_thousand_operations_come_back_once_each)
{
	static uint8_t seen[100000];
	uint32_t in = 0, out = 0;

	memset(seen, 0, sizeof(seen));
	begin();
	while (out < sizeof(seen)) {
		uint16_t want = (uint16_t)(1 + (in * 7 + out) % 12);
		int n = in < sizeof(seen) ? rig_nops(port, ring, in,
		                                     (uint16_t)RTE_MIN(want, sizeof(seen) - in))
		                          : 0;

		CHECK_INT(n, >=, 0);
		in += (uint32_t)n;
		n = get((uint16_t)(1 + out % 9));
		CHECK_INT(n, >=, 1);
		for (int i = 0; i < n; i++, out++) {
			CHECK(cpl[i].ctx < sizeof(seen));
			CHECK_INT(seen[cpl[i].ctx]++, ==, 0);
		}
	}
	CHECK_INT(dcp_get(w, cpl, 1, 0), ==, -EAGAIN);
	end();
}

/* --- what is not legal */

static void
check_illegal(const struct io_uring_sqe *sqe)
{
	struct io_uring_sqe three[3];

	CHECK_INT(dcp_uring_issue(port, ring, sqe, 1), ==, -ENOTSUP);
	io_uring_prep_nop(dcp_uring_sqe_clear(&three[0]));
	three[1] = *sqe;
	io_uring_prep_nop(dcp_uring_sqe_clear(&three[2]));
	CHECK_INT(dcp_uring_issue(port, ring, three, 3), ==, 1);
	CHECK_INT(get(4), ==, 1);
}

TEST(operations_without_exactly_one_completion_are_refused)
{
	struct __kernel_timespec ts = {.tv_nsec = MS};
	struct io_uring_sqe sqe;
	char byte;

	begin();
	io_uring_prep_multishot_accept(dcp_uring_sqe_clear(&sqe), 0, NULL, NULL, 0);
	check_illegal(&sqe);
	io_uring_prep_recv_multishot(dcp_uring_sqe_clear(&sqe), 0, &byte, 1, 0);
	check_illegal(&sqe);
	io_uring_prep_poll_multishot(dcp_uring_sqe_clear(&sqe), 0, 1);
	check_illegal(&sqe);
	io_uring_prep_timeout(dcp_uring_sqe_clear(&sqe), &ts, 1,
	                      1u << 6); /* multishot, which liburing 2.3 cannot name */
	check_illegal(&sqe);
	io_uring_prep_send_zc(dcp_uring_sqe_clear(&sqe), 0, &byte, 1, 0, 0);
	check_illegal(&sqe);
	io_uring_prep_msg_ring(dcp_uring_sqe_clear(&sqe), 0, 0, 0, 0);
	check_illegal(&sqe);
	io_uring_prep_provide_buffers(dcp_uring_sqe_clear(&sqe), &byte, 1, 1, 0, 0);
	check_illegal(&sqe);
	io_uring_prep_nop(dcp_uring_sqe_clear(&sqe));
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	check_illegal(&sqe);
	io_uring_prep_recv(dcp_uring_sqe_clear(&sqe), 0, NULL, 1, 0);
	sqe.flags = IOSQE_BUFFER_SELECT;
	check_illegal(&sqe);
	io_uring_prep_nop(dcp_uring_sqe_clear(&sqe));
	sqe.opcode = 255;
	check_illegal(&sqe);
	end();
}

/* --- chains */

static void
prep_chain(struct io_uring_sqe *sqe, uint64_t ctx, int n)
{
	for (int i = 0; i < n; i++) {
		io_uring_prep_nop(dcp_uring_sqe_clear(&sqe[i]));
		io_uring_sqe_set_data64(&sqe[i], ctx + (uint64_t)i);
		sqe[i].flags = i < n - 1 ? IOSQE_IO_LINK : 0;
	}
}

TEST(chain_that_has_no_room_as_a_whole_waits_as_a_whole)
{
	struct io_uring_sqe sqe[DEPTH + 1];

	begin();
	prep_chain(sqe, 0, 3);
	prep_chain(sqe + 3, 3, DEPTH - 2);
	CHECK_INT(dcp_uring_issue(port, ring, sqe, DEPTH + 1), ==, 3);
	CHECK_INT(dcp_uring_issue(port, ring, sqe + 3, DEPTH - 2), ==, 0);
	CHECK_INT(get(64), ==, 3);
	CHECK_INT(dcp_uring_issue(port, ring, sqe + 3, DEPTH - 2), ==, DEPTH - 2);
	CHECK_INT(get(64), ==, DEPTH - 2);
	end();
}

TEST(chain_longer_than_the_ring_is_refused)
{
	struct io_uring_sqe sqe[DEPTH + 1];

	begin();
	prep_chain(sqe, 0, DEPTH + 1);
	CHECK_INT(dcp_uring_issue(port, ring, sqe, DEPTH + 1), ==, -EINVAL);
	end();
}

TEST(links_behind_a_failed_one_come_back_aborted)
{
	struct io_uring_sqe sqe[3];
	struct dcp_stats st;

	begin();
	prep_chain(sqe, 0, 3);
	io_uring_prep_fsync(dcp_uring_sqe_clear(&sqe[0]), -1, 0);
	io_uring_sqe_set_data64(&sqe[0], 0);
	sqe[0].flags = IOSQE_IO_LINK;
	CHECK_INT(dcp_uring_issue(port, ring, sqe, 3), ==, 3);
	CHECK_INT(get(64), ==, 3);
	CHECK_INT(cpl[0].status, ==, DCP_ST_ERRNO);
	for (int i = 1; i < 3; i++) {
		CHECK_INT(cpl[i].status, ==, DCP_ST_ABORTED);
		CHECK_INT(dcp_uring_res(&cpl[i]), ==, -ECANCELED);
	}
	CHECK_INT(dcp_stats(port, ring, &st), ==, 0);
	CHECK_INT(st.aborted, ==, 2);
	CHECK_INT(st.failed, ==, 1);
	end();
}

TEST_LIST

int
main(void)
{
	rig_uring_init();
	return test_run_all("dcp_uring") == 0 ? 0 : 1;
}
