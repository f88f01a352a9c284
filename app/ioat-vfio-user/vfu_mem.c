/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

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

int
vfu_mem_check_file(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	switch (fs.f_type) {
	case TMPFS_MAGIC: /* memfd, too */
	case HUGETLBFS_MAGIC:
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return 0;
	default:
		return -EINVAL;
	}
}

/** Where the memory of a file ends: the page that it ends within can be used, also a huge one. */
static uint64_t
file_end(const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size, block = (uint64_t)st->st_blksize;

	return st->st_blksize > 0 ? (size + block - 1) / block * block : size;
}

/** Choose what to map for @p grant, which the file has: all around it that the file has. */
static void
view_place(struct vfu_view *view, const struct vfu_mem_grant *grant, const struct stat *st)
{
	uint64_t end = grant->offset + grant->size;

	view->offset = grant->offset / VIEW_SIZE * VIEW_SIZE;
	view->size = (end - view->offset + VIEW_SIZE - 1) / VIEW_SIZE * VIEW_SIZE;
	if (view->size > file_end(st) - view->offset)
		view->size = file_end(st) - view->offset;
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
	view_place(view, grant, st);
	view->base = mmap(NULL, view->size, view->prot, MAP_SHARED | MAP_NORESERVE, grant->fd,
	                  (off_t)view->offset);
	if (view->base == MAP_FAILED) {
		rc = -errno;
		free(view);
		return rc;
	}
	madvise(view->base, view->size, MADV_DONTDUMP); /* what a client owns is not for a core */
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
	int mode, rc = 0;

	if (fstat(grant->fd, &st) < 0)
		return -errno;
	/*
	 * What mmap() would refuse is refused also where an older view of the file has it: one
	 * from before the file was shortened, or made by a descriptor that may do more.
	 */
	if (grant->offset + grant->size > file_end(&st))
		return -EINVAL;
	mode = fcntl(grant->fd, F_GETFL);
	if (mode < 0)
		return -errno;
	mode &= O_ACCMODE;
	if (mode == O_WRONLY || (mode == O_RDONLY && (view_prot(grant->rights) & PROT_WRITE) != 0))
		return -EACCES;
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
view_destroy(struct vfu_view *view)
{
	munmap(view->base, view->size);
	free(view);
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
	view_destroy(view);
}

static bool
grant_is_legal(const struct vfu_mem_grant *grant)
{
	if (!mem_is_legal(grant->addr, grant->size) || grant->rights == 0 ||
	    (grant->rights & ~(VFU_MAP_READ | VFU_MAP_WRITE)) != 0)
		return false;
	/* The bounds of the file come from the client: keep them where off_t can say them. */
	return grant->fd < 0 || (grant->offset % VFU_PAGE_SIZE == 0 &&
	                         grant->offset <= INT64_MAX / 2 && grant->size <= INT64_MAX / 2);
}

int
vfu_mem_map(struct vfu_mem *mem, const struct vfu_mem_grant *grant)
{
	uint64_t last = grant->addr + (grant->size - 1);
	struct vfu_view *view = NULL;
	struct vfu_range range = {
		.addr = grant->addr,
		.pages = grant->size / VFU_PAGE_SIZE,
		.rights = grant->rights,
	};
	int rc;

	if (!grant_is_legal(grant))
		return -EINVAL;
	if (vfu_ranges_find(&mem->ranges, grant->addr, last) != NULL)
		return -EEXIST;
	if (mem->ranges.count >= VFU_RANGES_MAX)
		return -ENOSPC; /* before a view is made for it */
	if (grant->fd >= 0) {
		rc = view_get(mem, grant, &view);
		if (rc < 0)
			return rc;
		range.view = view;
		range.data = view->base + (grant->offset - view->offset);
	}
	rc = vfu_ranges_add(&mem->ranges, &range);
	if (rc < 0) {
		view_put(mem, view);
		return rc;
	}
	mem->remote_ranges += view == NULL;
	return 0;
}

static void
mem_let_go(void *ctx, const struct vfu_range *range)
{
	struct vfu_mem *mem = ctx;

	mem->remote_ranges -= range->view == NULL;
	view_put(mem, range->view);
}

int
vfu_mem_unmap(struct vfu_mem *mem, uint64_t addr, uint64_t size)
{
	uint64_t last = addr + (size - 1);
	const struct vfu_range *range;

	if (!mem_is_legal(addr, size))
		return -EINVAL;
	range = vfu_ranges_find(&mem->ranges, addr, addr);
	if (range != NULL && range->addr < addr)
		return -EINVAL;
	range = vfu_ranges_find(&mem->ranges, last, last);
	if (range != NULL && vfu_range_last(range) > last)
		return -EINVAL;
	return vfu_ranges_take(&mem->ranges, addr, last, mem_let_go, mem) > 0 ? 0 : -ENOENT;
}

void
vfu_mem_clear(struct vfu_mem *mem)
{
	vfu_ranges_clear(&mem->ranges);
	mem->remote_ranges = 0;
	while (mem->views != NULL) {
		struct vfu_view *view = mem->views;

		mem->views = view->next;
		view_destroy(view);
	}
	mem->view_count = 0;
}

/** The range that @p addr lies in, if it grants @p right; in @p len how much of it follows. */
static const struct vfu_range *
mem_access(const struct vfu_mem *mem, uint64_t addr, unsigned int right, size_t *len)
{
	const struct vfu_range *r = vfu_ranges_find(&mem->ranges, addr, addr);

	if (r == NULL || !(r->rights & right))
		return NULL;
	if (*len - 1 > vfu_range_last(r) - addr)
		*len = vfu_range_last(r) - addr + 1;
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
