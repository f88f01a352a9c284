/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz_grants.h"
#include "../fuzz_input.h"

#define FILES 2u /* BACKING_MAIN and BACKING_SHORT are their numbers */

struct range {
	uint64_t addr;
	uint64_t last;
	uint64_t offset;
	unsigned int rights;
	enum fuzz_backing backing;
};

static struct {
	int fd[BACKINGS];
	uint8_t *file[FILES];             /* as the server sees them */
	uint8_t shadow[FILES][FILE_SIZE]; /* as they should be */
	uint8_t pristine[FILE_SIZE];      /* each place has a value of its own */
	unsigned int pages;               /* of the second file */
	struct range range[RANGES_TRACKED];
	unsigned int ranges;
	uint8_t by_message[WINDOW_PAGES * PAGE]; /* only inside of the window */
	int answer;
	bool dma;
} g;

static void
prepare_file(enum fuzz_backing backing, const char *name)
{
	g.fd[backing] = memfd_create(name, MFD_CLOEXEC);
	FUZZ_CHECK(g.fd[backing] >= 0 && ftruncate(g.fd[backing], FILE_SIZE) == 0);
	g.file[backing] =
		mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd[backing], 0);
	FUZZ_CHECK(g.file[backing] != MAP_FAILED);
}

void
grants_prepare(void)
{
	char path[64];
	int ends[2];
	size_t i;

	prepare_file(BACKING_MAIN, "main");
	prepare_file(BACKING_SHORT, "short");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", g.fd[BACKING_MAIN]);
	g.fd[BACKING_MAIN_RO] = open(path, O_RDONLY | O_CLOEXEC);
	g.fd[BACKING_MESSAGES] = -1;
	g.fd[BACKING_EVENTFD] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FUZZ_CHECK(g.fd[BACKING_MAIN_RO] >= 0 && g.fd[BACKING_EVENTFD] >= 0);
	FUZZ_CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	g.fd[BACKING_PIPE] = ends[1]; /* its other end stays open, or writing were an error */
	for (i = 0; i < sizeof(g.pristine); i++)
		g.pristine[i] = (uint8_t)(i + (i >> 8) * 7 + (i >> 12) * 13);
}

void
grants_reset(void)
{
	unsigned int i;

	g.ranges = 0;
	g.answer = 0;
	grants_cut(FILE_PAGES);
	for (i = 0; i < FILES; i++) {
		memcpy(g.file[i], g.pristine, FILE_SIZE);
		memcpy(g.shadow[i], g.pristine, FILE_SIZE);
	}
	memset(g.by_message, 0x3c, sizeof(g.by_message));
}

int
grants_fd(enum fuzz_backing backing)
{
	return g.fd[backing];
}

static const struct range *
range_at(uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < g.ranges; i++) {
		if (g.range[i].addr <= addr && addr <= g.range[i].last)
			return &g.range[i];
	}
	return NULL;
}

static bool
range_is_free(uint64_t addr, uint64_t last)
{
	unsigned int i;

	for (i = 0; i < g.ranges; i++) {
		if (g.range[i].addr <= last && addr <= g.range[i].last)
			return false;
	}
	return true;
}

bool
grants_map_is_legal(const struct vfu_dma_map *map, enum fuzz_backing backing)
{
	uint64_t pages = backing == BACKING_SHORT ? g.pages : FILE_PAGES;

	if (map->argsz < sizeof(*map) || map->size == 0 || map->addr % PAGE != 0 ||
	    map->size % PAGE != 0 || map->size - 1 > UINT64_MAX - map->addr)
		return false;
	if ((map->flags & ~(VFU_MAP_READ | VFU_MAP_WRITE)) != 0 || map->flags == 0)
		return false;
	if (!range_is_free(map->addr, map->addr + (map->size - 1)))
		return false;
	if (backing == BACKING_MESSAGES)
		return true;
	if (backing > BACKING_MAIN_RO || (backing == BACKING_MAIN_RO && map->flags & VFU_MAP_WRITE))
		return false;
	return map->offset % PAGE == 0 && map->size <= pages * PAGE &&
	       map->offset <= pages * PAGE - map->size;
}

void
grants_map(const struct vfu_dma_map *map, enum fuzz_backing backing)
{
	FUZZ_CHECK(g.ranges < RANGES_TRACKED);
	g.range[g.ranges++] = (struct range){
		.addr = map->addr,
		.last = map->addr + (map->size - 1),
		.offset = map->offset,
		.rights = map->flags,
		.backing = backing == BACKING_MAIN_RO ? BACKING_MAIN : backing,
	};
}

bool
grants_cuts(uint64_t addr, uint64_t size)
{
	uint64_t last = addr + (size - 1);
	unsigned int i;

	for (i = 0; i < g.ranges; i++) {
		const struct range *r = &g.range[i];

		if (r->addr <= last && addr <= r->last && (r->addr < addr || r->last > last))
			return true;
	}
	return false;
}

void
grants_unmap(uint64_t addr, uint64_t size)
{
	uint64_t last = addr + (size - 1);
	unsigned int i, kept = 0;

	for (i = 0; i < g.ranges; i++) {
		if (g.range[i].addr < addr || g.range[i].last > last)
			g.range[kept++] = g.range[i];
	}
	g.ranges = kept;
}

void
grants_unmap_all(void)
{
	g.ranges = 0;
}

void
grants_put(uint64_t offset, const void *data, size_t len)
{
	FUZZ_CHECK(offset + len <= FILE_SIZE);
	memcpy(g.file[BACKING_MAIN] + offset, data, len);
	memcpy(g.shadow[BACKING_MAIN] + offset, data, len);
}

const void *
grants_get(uint64_t offset)
{
	return g.file[BACKING_MAIN] + offset;
}

void
grants_cut(unsigned int pages)
{
	if (pages < g.pages)
		memset(g.shadow[BACKING_SHORT] + pages * PAGE, 0, FILE_SIZE - pages * PAGE);
	if (pages != g.pages)
		FUZZ_CHECK(ftruncate(g.fd[BACKING_SHORT], pages * PAGE) == 0);
	g.pages = pages;
}

void
grants_answer(int result)
{
	g.answer = result;
}

/** The server asks for memory behind messages: only where, how and when it may. */
static uint8_t *
remote_access(uint64_t addr, size_t len, unsigned int right)
{
	const struct range *r = range_at(addr);

	FUZZ_CHECK(g.dma);
	FUZZ_CHECK(len > 0 && len <= VFU_DATA_MAX);
	FUZZ_CHECK(r != NULL && r->backing == BACKING_MESSAGES && r->rights & right);
	FUZZ_CHECK(len - 1 <= r->last - addr);
	if (addr < WINDOW || addr - WINDOW >= sizeof(g.by_message) ||
	    len > sizeof(g.by_message) - (addr - WINDOW))
		return NULL;
	return g.by_message + (addr - WINDOW);
}

static int
remote_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *from = remote_access(addr, len, VFU_MAP_READ);

	(void)ctx;
	if (from != NULL)
		memcpy(buf, from, len);
	else
		memset(buf, 0, len);
	return g.answer;
}

static int
remote_write(void *ctx, uint64_t addr, const void *buf, size_t len)
{
	uint8_t *to = remote_access(addr, len, VFU_MAP_WRITE);

	(void)ctx;
	if (to != NULL && g.answer == 0)
		memcpy(to, buf, len);
	return g.answer;
}

struct vfu_mem_remote
grants_remote(void)
{
	return (struct vfu_mem_remote){remote_read, remote_write, NULL};
}

void
grants_allow(bool dma)
{
	g.dma = dma;
}

static bool
page_is_writable(unsigned int file, unsigned int page)
{
	unsigned int i;

	for (i = 0; i < g.ranges && g.dma; i++) {
		const struct range *r = &g.range[i];
		uint64_t at = (uint64_t)page * PAGE;

		if (r->backing == file && r->rights & VFU_MAP_WRITE && r->offset <= at &&
		    at - r->offset <= r->last - r->addr)
			return true;
	}
	return false;
}

void
grants_check(uint64_t most)
{
	unsigned int file, page, i;
	uint64_t changed = 0;

	for (file = 0; file < FILES; file++) {
		unsigned int pages = file == BACKING_MAIN ? FILE_PAGES : g.pages;

		if (memcmp(g.file[file], g.shadow[file], pages * PAGE) == 0)
			continue; /* as mostly */
		for (page = 0; page < pages; page++) {
			uint8_t *is = g.file[file] + page * PAGE;
			uint8_t *was = g.shadow[file] + page * PAGE;

			if (memcmp(is, was, PAGE) == 0)
				continue;
			FUZZ_CHECK(page_is_writable(file, page));
			for (i = 0; i < PAGE; i++)
				changed += is[i] != was[i];
			memcpy(was, is, PAGE);
		}
	}
	FUZZ_CHECK(changed <= most);
}

/** The server reads one byte at @p addr as the grants say. */
static void
probe_byte(struct vfu_mem *mem, uint64_t addr)
{
	const struct range *r = range_at(addr);
	uint64_t offset;
	uint8_t byte = 0;
	int rc = vfu_mem_read(mem, addr, &byte, 1);

	if (r == NULL || !(r->rights & VFU_MAP_READ)) {
		FUZZ_CHECK(rc == -EFAULT);
		return;
	}
	if (r->backing == BACKING_MESSAGES) {
		FUZZ_CHECK(rc == g.answer);
		return;
	}
	offset = r->offset + (addr - r->addr);
	if (r->backing == BACKING_SHORT && offset >= g.pages * PAGE) {
		FUZZ_CHECK(rc == -EIO);
		return;
	}
	FUZZ_CHECK(rc == 0 && byte == g.shadow[r->backing][offset]);
}

void
grants_probe(struct vfu_mem *mem)
{
	unsigned int i;

	FUZZ_CHECK(mem->ranges.count == g.ranges);
	grants_allow(true); /* these reads are ours, whatever the command register says */
	mem->remote = grants_remote();
	for (i = 0; i < WINDOW_PAGES; i++)
		probe_byte(mem, WINDOW + i * PAGE + 61 * i);
	for (i = 0; i < g.ranges; i++) {
		probe_byte(mem, g.range[i].addr);
		probe_byte(mem, g.range[i].addr - 1);
		probe_byte(mem, g.range[i].last);
		probe_byte(mem, g.range[i].last + 1);
	}
}
