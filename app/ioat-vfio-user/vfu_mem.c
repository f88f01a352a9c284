/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vfu_guard.h"
#include "vfu_mem.h"
#include "vfu_wire.h"

/*
 * Behind an IOMMU a client grants its memory in pages, tens of thousands of them, all of one
 * file. Each a mapping of its own would end at the kernel's limit of 65530 per process, so a
 * large piece of a file is mapped at once and shared by its ranges. Only what a range names is
 * ever touched.
 */
#define VIEW_SIZE (1ull << 30)

/** A mapped piece of a file. */
struct vfu_view {
	struct vfu_view *next;
	dev_t dev;
	ino_t ino;
	int prot;
	uint64_t offset; /* in the file */
	uint64_t size;
	unsigned char *base;
	size_t users; /* ranges */
};

struct vfu_range {
	uint64_t addr;
	uint64_t size;
	struct vfu_view *view; /* NULL: by messages */
	unsigned char *data;   /* in the view */
	unsigned int rights;
};

/** The first range that ends behind @p addr. @return its index, or mem->ranges. */
static size_t
mem_find(const struct vfu_mem *mem, uint64_t addr)
{
	size_t low = 0, high = mem->ranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct vfu_range *r = &mem->range[mid];

		if (r->addr <= addr && addr - r->addr >= r->size)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
mem_is_legal(uint64_t addr, uint64_t size)
{
	return size != 0 && addr % VFU_PAGE_SIZE == 0 && size % VFU_PAGE_SIZE == 0 &&
	       size - 1 <= UINT64_MAX - addr;
}

static int
view_prot(unsigned int rights)
{
	return (rights & VFU_MAP_READ ? PROT_READ : 0) | (rights & VFU_MAP_WRITE ? PROT_WRITE : 0);
}

/** Choose what to map for @p grant: all around it that the file has, or just it. */
static int
view_place(struct vfu_view *view, const struct vfu_mem_grant *grant, const struct stat *st)
{
	uint64_t end = grant->offset + grant->size, file_end;

	view->offset = grant->offset;
	view->size = grant->size;
	if (!S_ISREG(st->st_mode))
		return 0; /* a device: nobody knows how much there is */
	/* The page of a file that ends within it can be used, also a huge one. */
	file_end = (uint64_t)st->st_size;
	if (st->st_blksize > 0)
		file_end = (file_end + (uint64_t)st->st_blksize - 1) / (uint64_t)st->st_blksize *
		           (uint64_t)st->st_blksize;
	if (end > file_end)
		return -EINVAL;
	view->offset = grant->offset / VIEW_SIZE * VIEW_SIZE;
	if (file_end - view->offset < VIEW_SIZE) {
		view->size = file_end - view->offset;
		return 0;
	}
	view->size = (end - view->offset + VIEW_SIZE - 1) / VIEW_SIZE * VIEW_SIZE;
	if (view->size > file_end - view->offset)
		view->size = file_end - view->offset;
	return 0;
}

static int
view_create(struct vfu_mem *mem, const struct vfu_mem_grant *grant, const struct stat *st,
            struct vfu_view **out)
{
	struct vfu_view *view;
	int rc;

	if (mem->view_count >= VFU_VIEWS_MAX)
		return -ENOSPC;
	view = calloc(1, sizeof(*view));
	if (view == NULL)
		return -ENOMEM;
	view->dev = st->st_dev;
	view->ino = st->st_ino;
	view->prot = view_prot(grant->rights);
	rc = view_place(view, grant, st);
	if (rc == 0) {
		view->base = mmap(NULL, view->size, view->prot, MAP_SHARED | MAP_NORESERVE,
		                  grant->fd, (off_t)view->offset);
		if (view->base == MAP_FAILED)
			rc = -errno;
	}
	if (rc < 0) {
		free(view);
		return rc;
	}
	view->next = mem->views;
	mem->views = view;
	mem->view_count++;
	*out = view;
	return 0;
}

/** Find or make the view that holds @p grant, and count one more user of it. */
static int
view_get(struct vfu_mem *mem, const struct vfu_mem_grant *grant, struct vfu_view **out)
{
	struct vfu_view *view;
	struct stat st;
	int rc = 0;

	if (fstat(grant->fd, &st) < 0)
		return -errno;
	for (view = mem->views; view != NULL; view = view->next) {
		if (view->dev == st.st_dev && view->ino == st.st_ino &&
		    view->prot == view_prot(grant->rights) && view->offset <= grant->offset &&
		    view->size >= grant->size &&
		    grant->offset - view->offset <= view->size - grant->size)
			break;
	}
	if (view == NULL)
		rc = view_create(mem, grant, &st, &view);
	if (rc < 0)
		return rc;
	view->users++;
	*out = view;
	return 0;
}

static void
view_put(struct vfu_mem *mem, struct vfu_view *view)
{
	struct vfu_view **at;

	if (view == NULL || --view->users > 0)
		return;
	for (at = &mem->views; *at != view; at = &(*at)->next)
		;
	*at = view->next;
	mem->view_count--;
	munmap(view->base, view->size);
	free(view);
}

/** Make room for one more range. */
static int
mem_grow(struct vfu_mem *mem)
{
	size_t room = mem->room == 0 ? 16 : mem->room * 2;
	struct vfu_range *more;

	if (mem->ranges < mem->room)
		return 0;
	if (mem->ranges >= VFU_RANGES_MAX)
		return -ENOSPC;
	more = realloc(mem->range, room * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	mem->range = more;
	mem->room = room;
	return 0;
}

int
vfu_mem_map(struct vfu_mem *mem, const struct vfu_mem_grant *grant)
{
	struct vfu_view *view = NULL;
	size_t at;
	int rc;

	if (!mem_is_legal(grant->addr, grant->size) || grant->rights == 0 ||
	    (grant->rights & ~(VFU_MAP_READ | VFU_MAP_WRITE)) != 0)
		return -EINVAL;
	/* The bounds of the file come from the client: keep them where off_t can say them. */
	if (grant->fd >= 0 && (grant->offset % VFU_PAGE_SIZE != 0 ||
	                       grant->offset > INT64_MAX / 2 || grant->size > INT64_MAX / 2))
		return -EINVAL;
	at = mem_find(mem, grant->addr);
	if (at < mem->ranges && mem->range[at].addr <= grant->addr + (grant->size - 1))
		return -EEXIST;
	rc = mem_grow(mem);
	if (rc == 0 && grant->fd >= 0)
		rc = view_get(mem, grant, &view);
	if (rc < 0)
		return rc;
	memmove(&mem->range[at + 1], &mem->range[at], (mem->ranges - at) * sizeof(*mem->range));
	mem->ranges++;
	mem->range[at] = (struct vfu_range){
		.addr = grant->addr,
		.size = grant->size,
		.rights = grant->rights,
		.view = view,
		.data = view != NULL ? view->base + (grant->offset - view->offset) : NULL,
	};
	return 0;
}

int
vfu_mem_unmap(struct vfu_mem *mem, uint64_t addr, uint64_t size)
{
	size_t first = mem_find(mem, addr), end = first, i;
	uint64_t last = addr + (size - 1);

	if (!mem_is_legal(addr, size))
		return -EINVAL;
	while (end < mem->ranges && mem->range[end].addr <= last) {
		const struct vfu_range *r = &mem->range[end++];

		if (r->addr < addr || r->addr + (r->size - 1) > last)
			return -EINVAL;
	}
	if (first == end)
		return -ENOENT;
	for (i = first; i < end; i++)
		view_put(mem, mem->range[i].view);
	memmove(&mem->range[first], &mem->range[end], (mem->ranges - end) * sizeof(*mem->range));
	mem->ranges -= end - first;
	return 0;
}

void
vfu_mem_clear(struct vfu_mem *mem)
{
	size_t i;

	for (i = 0; i < mem->ranges; i++)
		view_put(mem, mem->range[i].view);
	free(mem->range);
	mem->range = NULL;
	mem->ranges = 0;
	mem->room = 0;
}

/** The range that @p addr lies in, if it grants @p right; in @p len how much of it follows. */
static const struct vfu_range *
mem_access(const struct vfu_mem *mem, uint64_t addr, unsigned int right, size_t *len)
{
	size_t at = mem_find(mem, addr);
	const struct vfu_range *r;

	if (at == mem->ranges)
		return NULL;
	r = &mem->range[at];
	if (r->addr > addr || !(r->rights & right))
		return NULL;
	if (*len > r->size - (addr - r->addr))
		*len = r->size - (addr - r->addr);
	if (r->view == NULL && *len > VFU_DATA_MAX)
		*len = VFU_DATA_MAX;
	return r;
}

int
vfu_mem_read(struct vfu_mem *mem, uint64_t addr, void *buf, size_t len)
{
	unsigned char *to = buf;
	int rc = 0;

	while (len > 0 && rc == 0) {
		size_t n = len;
		const struct vfu_range *r = mem_access(mem, addr, VFU_MAP_READ, &n);

		if (r == NULL)
			return -EFAULT;
		if (r->view != NULL)
			rc = vfu_guard_copy(to, r->data + (addr - r->addr), n);
		else
			rc = mem->remote.read(mem->remote.ctx, addr, to, n);
		to += n;
		addr += n;
		len -= n;
	}
	return rc;
}

int
vfu_mem_write(struct vfu_mem *mem, uint64_t addr, const void *buf, size_t len)
{
	const unsigned char *from = buf;
	int rc = 0;

	while (len > 0 && rc == 0) {
		size_t n = len;
		const struct vfu_range *r = mem_access(mem, addr, VFU_MAP_WRITE, &n);

		if (r == NULL)
			return -EFAULT;
		if (r->view != NULL)
			rc = vfu_guard_copy(r->data + (addr - r->addr), from, n);
		else
			rc = mem->remote.write(mem->remote.ctx, addr, from, n);
		from += n;
		addr += n;
		len -= n;
	}
	return rc;
}

int
vfu_mem_write64(struct vfu_mem *mem, uint64_t addr, uint64_t value)
{
	size_t n = sizeof(value);
	const struct vfu_range *r = mem_access(mem, addr, VFU_MAP_WRITE, &n);

	if (r == NULL || addr % sizeof(value) != 0)
		return -EFAULT;
	if (r->view == NULL)
		return mem->remote.write(mem->remote.ctx, addr, &value, sizeof(value));
	/* Pages and views are aligned, so the word is. */
	return vfu_guard_store64((uint64_t *)(void *)(r->data + (addr - r->addr)), value);
}
