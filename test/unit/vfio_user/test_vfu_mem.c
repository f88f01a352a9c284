/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "vfu_guard.h"
#include "vfu_mem.h"
#include "vfu_wire.h"

#define PAGE  4096ull
#define RW    (VFU_MAP_READ | VFU_MAP_WRITE)
#define PAGES 64u

static int
file_of(uint64_t size)
{
	int fd = memfd_create("client", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, (off_t)size), ==, 0);
	CHECK_INT(vfu_guard_start(), ==, 0);
	return fd;
}

static int
map(struct vfu_mem *mem, uint64_t addr, uint64_t size, unsigned int rights, int fd, uint64_t offset)
{
	struct vfu_mem_grant grant = {addr, size, rights, fd, offset};

	return vfu_mem_map(mem, &grant);
}

TEST(bytes_go_to_the_file_at_the_offset_and_back)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};
	char in[8] = {0};

	CHECK_INT(map(&mem, 0x10000, 2 * PAGE, RW, fd, 3 * PAGE), ==, 0);
	CHECK_INT(vfu_mem_write(&mem, 0x10010, "written", 8), ==, 0);
	CHECK_INT(pread(fd, in, 8, 3 * PAGE + 0x10), ==, 8);
	CHECK_MEM(in, "written", 8);
	CHECK_INT(vfu_mem_read(&mem, 0x10010, in, 8), ==, 0);
	CHECK_MEM(in, "written", 8);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(access_spans_neighbours_that_are_apart_in_the_file)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};
	char in[8] = {0};

	CHECK_INT(map(&mem, 0, PAGE, RW, fd, 5 * PAGE), ==, 0);
	CHECK_INT(map(&mem, PAGE, PAGE, RW, fd, 2 * PAGE), ==, 0);
	CHECK_INT(vfu_mem_write(&mem, PAGE - 4, "abcdefg", 8), ==, 0);
	CHECK_INT(pread(fd, in, 4, 6 * PAGE - 4), ==, 4);
	CHECK_INT(pread(fd, in + 4, 4, 2 * PAGE), ==, 4);
	CHECK_MEM(in, "abcdefg", 8);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(nothing_is_granted_before_behind_or_between)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};
	char c[2];

	CHECK_INT(vfu_mem_read(&mem, 0, c, 1), ==, -EFAULT);
	map(&mem, 2 * PAGE, PAGE, RW, fd, 0);
	map(&mem, 4 * PAGE, PAGE, RW, fd, 0);
	CHECK_INT(vfu_mem_read(&mem, 2 * PAGE - 1, c, 2), ==, -EFAULT);
	CHECK_INT(vfu_mem_read(&mem, 3 * PAGE - 1, c, 2), ==, -EFAULT);
	CHECK_INT(vfu_mem_read(&mem, 3 * PAGE - 1, c, 1), ==, 0);
	CHECK_INT(vfu_mem_write(&mem, 5 * PAGE, c, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_write(&mem, UINT64_MAX, c, 1), ==, -EFAULT);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(rights_are_those_of_the_range)
{
	int fd = file_of(4 * PAGE);
	struct vfu_mem mem = {0};
	char c = 1;

	map(&mem, 0, PAGE, VFU_MAP_READ, fd, 0);
	map(&mem, PAGE, PAGE, VFU_MAP_WRITE, fd, 0);
	CHECK_INT(vfu_mem_write(&mem, 0, &c, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_write64(&mem, 0, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_read(&mem, PAGE, &c, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_write(&mem, PAGE, &c, 1), ==, 0);
	CHECK_INT(vfu_mem_write64(&mem, PAGE, 1), ==, 0);
	CHECK_INT(vfu_mem_read(&mem, 0, &c, 1), ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(file_without_the_right_cannot_be_granted)
{
	char name[] = "/tmp/vfu_mem_XXXXXX";
	int rw = mkstemp(name), ro;
	struct vfu_mem mem = {0};

	CHECK(rw >= 0);
	CHECK_INT(ftruncate(rw, PAGE), ==, 0);
	ro = open(name, O_RDONLY);
	unlink(name);
	CHECK_INT(map(&mem, 0, PAGE, RW, ro, 0), ==, -EACCES);
	CHECK_INT(map(&mem, 0, PAGE, VFU_MAP_READ, ro, 0), ==, 0);
	vfu_mem_clear(&mem);
	close(rw);
	close(ro);
}

TEST(only_regular_files_that_the_kernel_itself_serves_are_memory)
{
	int memory = file_of(PAGE), null = open("/dev/null", O_RDWR), pipes[2];
	int proc = open("/proc/self/stat", O_RDONLY);

	CHECK_INT(pipe(pipes), ==, 0);
	CHECK_INT(vfu_mem_check_file(memory), ==, 0);
	CHECK_INT(vfu_mem_check_file(null), ==, -EINVAL);
	CHECK_INT(vfu_mem_check_file(pipes[0]), ==, -EINVAL);
	CHECK_INT(vfu_mem_check_file(proc), ==, -EINVAL);
	close(memory);
	CHECK_INT(vfu_mem_check_file(memory), ==, -EBADF);
	close(null);
	close(proc);
	close(pipes[0]);
	close(pipes[1]);
}

TEST(overlap_is_refused_with_eexist)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};

	CHECK_INT(map(&mem, 4 * PAGE, 2 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(map(&mem, 4 * PAGE, 2 * PAGE, RW, fd, 0), ==, -EEXIST);
	CHECK_INT(map(&mem, 5 * PAGE, 1 * PAGE, RW, fd, 0), ==, -EEXIST);
	CHECK_INT(map(&mem, 3 * PAGE, 2 * PAGE, RW, fd, 0), ==, -EEXIST);
	CHECK_INT(map(&mem, 0, 16 * PAGE, RW, fd, 0), ==, -EEXIST);
	CHECK_INT(map(&mem, 3 * PAGE, 1 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(map(&mem, 6 * PAGE, 1 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(mem.ranges.count, ==, 3);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(ranges_that_are_none_are_refused)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};

	CHECK_INT(map(&mem, 0, 0, RW, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 1, PAGE, RW, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE + 1, RW, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE, 0, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE, 4, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE, RW, fd, 1), ==, -EINVAL);
	CHECK_INT(map(&mem, UINT64_MAX - PAGE + 1, 2 * PAGE, RW, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE, RW, fd, UINT64_MAX - PAGE + 1), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, 1ull << 63, RW, fd, 0), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, PAGE, RW, fd, 16 * PAGE), ==, -EINVAL);
	CHECK_INT(map(&mem, 0, 2 * PAGE, RW, fd, 15 * PAGE), ==, -EINVAL);
	CHECK_INT(mem.ranges.count, ==, 0);
	CHECK_INT(mem.view_count, ==, 0);
	CHECK_INT(map(&mem, UINT64_MAX - PAGE + 1, PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(vfu_mem_write(&mem, UINT64_MAX, "", 1), ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(unmap_takes_all_ranges_inside_and_never_a_part_of_one)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};
	unsigned int i;
	char c;

	for (i = 0; i < 8; i++)
		CHECK_INT(map(&mem, i * 2 * PAGE, 2 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(vfu_mem_unmap(&mem, 100 * PAGE, PAGE), ==, -ENOENT);
	CHECK_INT(vfu_mem_unmap(&mem, 0, PAGE), ==, -EINVAL);
	CHECK_INT(vfu_mem_unmap(&mem, PAGE, 3 * PAGE), ==, -EINVAL);
	CHECK_INT(vfu_mem_unmap(&mem, 2 * PAGE, 3 * PAGE), ==, -EINVAL);
	CHECK_INT(mem.ranges.count, ==, 8);
	CHECK_INT(vfu_mem_unmap(&mem, 2 * PAGE, 4 * PAGE), ==, 0);
	CHECK_INT(mem.ranges.count, ==, 6);
	CHECK_INT(vfu_mem_read(&mem, 2 * PAGE, &c, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_read(&mem, 6 * PAGE, &c, 1), ==, 0);
	CHECK_INT(vfu_mem_unmap(&mem, 0, 1ull << 40), ==, 0);
	CHECK_INT(mem.ranges.count, ==, 0);
	CHECK_INT(mem.view_count, ==, 0);
	CHECK_INT(vfu_mem_unmap(&mem, 0, 1ull << 40), ==, -ENOENT);
	CHECK_INT(vfu_mem_unmap(&mem, 0, 0), ==, -EINVAL);
	CHECK_INT(vfu_mem_unmap(&mem, 2 * PAGE, UINT64_MAX - PAGE + 1), ==, -EINVAL);
	vfu_mem_clear(&mem);
	close(fd);
}

/* More than the kernel has mappings for, in an order that is neither up nor down. */
TEST(hundred_thousand_pages_of_one_file_share_a_mapping)
{
	const uint64_t n = 100003;
	int fd = file_of(PAGES * PAGE);
	struct vfu_mem mem = {0};
	uint64_t i, at, word;

	for (i = 0; i < PAGES; i++)
		CHECK_INT(pwrite(fd, &i, sizeof(i), (off_t)(i * PAGE)), ==, sizeof(i));
	for (i = 0; i < n; i++) {
		at = i < 1000 ? i * 7919 % 1000 : i;
		CHECK_INT(map(&mem, at * PAGE, PAGE, RW, fd, at % PAGES * PAGE), ==, 0);
	}
	CHECK_INT(mem.view_count, ==, 1);
	for (i = 0; i < n; i += 97) {
		CHECK_INT(vfu_mem_read(&mem, i * PAGE, &word, sizeof(word)), ==, 0);
		CHECK_INT(word, ==, i % PAGES);
	}
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(more_ranges_than_the_limit_are_refused_and_make_no_view)
{
	int fd = file_of(PAGE);
	struct vfu_mem mem = {0};
	uint64_t i;

	for (i = 0; i < VFU_RANGES_MAX; i++)
		CHECK_INT(map(&mem, i * PAGE, PAGE, RW, -1, 0), ==, 0);
	CHECK_INT(map(&mem, i * PAGE, PAGE, RW, fd, 0), ==, -ENOSPC);
	CHECK_INT(mem.view_count, ==, 0);
	CHECK_INT(vfu_mem_unmap(&mem, 0, PAGE), ==, 0);
	CHECK_INT(map(&mem, i * PAGE, PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(mem.view_count, ==, 1);
	CHECK_INT(mem.remote_ranges, ==, VFU_RANGES_MAX - 1);
	CHECK_INT(vfu_mem_unmap(&mem, PAGE, VFU_RANGES_MAX * PAGE), ==, 0);
	CHECK_INT(mem.view_count, ==, 0);
	CHECK_INT(mem.remote_ranges, ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

/* Neighbours in the file, too: what a client mapped in two it may take back in two. */
TEST(neighbours_are_never_merged)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};
	char c;

	CHECK_INT(map(&mem, 0, 4 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(map(&mem, 4 * PAGE, 2 * PAGE, RW, fd, 4 * PAGE), ==, 0);
	CHECK_INT(map(&mem, 6 * PAGE, PAGE, RW, fd, 6 * PAGE), ==, 0);
	CHECK_INT(mem.ranges.count, ==, 3);
	CHECK_INT(vfu_mem_unmap(&mem, 5 * PAGE, 2 * PAGE), ==, -EINVAL);
	CHECK_INT(vfu_mem_unmap(&mem, 0, 5 * PAGE), ==, -EINVAL);
	CHECK_INT(vfu_mem_unmap(&mem, 4 * PAGE, 2 * PAGE), ==, 0);
	CHECK_INT(vfu_mem_read(&mem, 4 * PAGE, &c, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_read(&mem, 4 * PAGE - 1, &c, 1), ==, 0);
	CHECK_INT(vfu_mem_read(&mem, 6 * PAGE, &c, 1), ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(more_files_than_the_limit_are_refused)
{
	struct vfu_mem mem = {0};
	uint64_t i;
	int fd, rc = 0;

	for (i = 0; i <= VFU_VIEWS_MAX && rc == 0; i++) {
		fd = file_of(PAGE);
		rc = map(&mem, i * PAGE, PAGE, RW, fd, 0);
		close(fd); /* the mapping lives on */
	}
	CHECK_INT(rc, ==, -ENOSPC);
	CHECK_INT(mem.ranges.count, ==, VFU_VIEWS_MAX);
	CHECK_INT(vfu_mem_write(&mem, 0, "", 1), ==, 0);
	vfu_mem_clear(&mem);
}

TEST(truncated_file_is_a_data_error_again_and_again)
{
	int fd = file_of(4 * PAGE);
	struct vfu_mem mem = {0};
	char buf[2 * PAGE];
	int i;

	memset(buf, 1, sizeof(buf));
	CHECK_INT(map(&mem, 0, 4 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(ftruncate(fd, PAGE), ==, 0);
	for (i = 0; i < 3; i++) {
		CHECK_INT(vfu_mem_read(&mem, 0, buf, sizeof(buf)), ==, -EIO);
		CHECK_INT(vfu_mem_write(&mem, 2 * PAGE, buf, 1), ==, -EIO);
		CHECK_INT(vfu_mem_write64(&mem, 2 * PAGE, 1), ==, -EIO);
		CHECK_INT(vfu_mem_write64(&mem, 0, 1), ==, 0);
	}
	CHECK_INT(ftruncate(fd, 4 * PAGE), ==, 0);
	CHECK_INT(vfu_mem_write(&mem, 2 * PAGE, buf, 1), ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(end_of_a_shortened_file_counts_although_an_older_view_goes_on)
{
	int fd = file_of(16 * PAGE);
	struct vfu_mem mem = {0};

	CHECK_INT(map(&mem, 0, 16 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(ftruncate(fd, 4 * PAGE), ==, 0);
	CHECK_INT(map(&mem, 0x100000, PAGE, RW, fd, 8 * PAGE), ==, -EINVAL);
	CHECK_INT(map(&mem, 0x100000, PAGE, RW, fd, 3 * PAGE), ==, 0);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST(descriptor_that_may_only_read_grants_no_writing_although_another_view_does)
{
	int fd = file_of(16 * PAGE), ro;
	struct vfu_mem mem = {0};
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(ro >= 0);
	CHECK_INT(map(&mem, 0, 16 * PAGE, RW, fd, 0), ==, 0);
	CHECK_INT(map(&mem, 0x100000, PAGE, RW, ro, 0), ==, -EACCES);
	CHECK_INT(map(&mem, 0x100000, PAGE, VFU_MAP_READ, ro, 0), ==, 0);
	vfu_mem_clear(&mem);
	close(ro);
	close(fd);
}

TEST(completion_word_must_be_aligned)
{
	int fd = file_of(PAGE);
	struct vfu_mem mem = {0};
	uint64_t word;

	map(&mem, 0, PAGE, RW, fd, 0);
	CHECK_INT(vfu_mem_write64(&mem, 4, 1), ==, -EFAULT);
	CHECK_INT(vfu_mem_write64(&mem, PAGE - 8, 0x1122334455667788), ==, 0);
	CHECK_INT(pread(fd, &word, sizeof(word), PAGE - 8), ==, sizeof(word));
	CHECK_INT(word, ==, 0x1122334455667788);
	vfu_mem_clear(&mem);
	close(fd);
}

TEST_MAIN("vfu_mem")
