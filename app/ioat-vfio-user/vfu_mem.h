/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef VFU_MEM_H
#define VFU_MEM_H

/**
 * @file
 * The memory that a client granted: ranges of bus addresses, each with its rights, either mapped
 * from a file of the client or reached by messages.
 *
 * Threads: none of its own and no lock; calls on one vfu_mem must not overlap. Removing a range
 * under the lock under which it is accessed is what makes a running copy let go of it.
 */

#include <stddef.h>
#include <stdint.h>

#include "vfu_ranges.h"

#define VFU_VIEWS_MAX 1024u /* pieces of different files */

/** How ranges without a file are reached. */
struct vfu_mem_remote {
	/** At most VFU_DATA_MAX bytes. @return 0; -EFAULT: refused; -EIO: no or a wrong answer. */
	int (*read)(void *ctx, uint64_t addr, void *buf, size_t len);
	int (*write)(void *ctx, uint64_t addr, const void *buf, size_t len); /**< as read */
	void *ctx;
};

/** Granted memory; zeroed is empty. */
struct vfu_mem {
	struct vfu_ranges ranges;
	size_t remote_ranges;   /**< those of them that are reached by messages */
	struct vfu_view *views; /**< mapped pieces of files, a list */
	size_t view_count;
	struct vfu_mem_remote remote;
};

/** A range to grant. */
struct vfu_mem_grant {
	uint64_t addr;
	uint64_t size;
	unsigned int rights; /**< VFU_MAP_READ, VFU_MAP_WRITE */
	int fd;              /**< stays the caller's; -1: by messages */
	uint64_t offset;     /**< in the file */
};

/**
 * Check that a descriptor is a file of tmpfs, hugetlbfs, ext4, XFS or Btrfs. Whoever serves a file
 * of another kind (FUSE, NFS) could make its pages wait for ever, and with them the engine. The
 * call itself may wait for such a server: make it without a lock.
 * @return 0; -EINVAL; negative errno of fstat() and fstatfs().
 */
int vfu_mem_check_file(int fd);

/**
 * Grant a range. vfu_mem_check_file() was asked about the file.
 * @return 0; -EINVAL: rights, address, size or offset are no legal range of pages, or the file is
 * shorter; -EEXIST: part of it is granted already; -ENOSPC: VFU_RANGES_MAX or VFU_VIEWS_MAX
 * reached; -EACCES, -EPERM, -ENODEV, -ENOMEM: the file cannot be mapped with these rights.
 */
int vfu_mem_map(struct vfu_mem *mem, const struct vfu_mem_grant *grant);

/**
 * Take back all ranges that lie in @p size bytes at @p addr.
 *
 * The specification wants one granted range, exactly; libvfio-user refuses anything else with
 * ENOENT. QEMU passes on what the guest's IOMMU flushes: aligned powers of two that hold many
 * ranges, or none when a domain is left. To refuse the former would keep memory that the guest
 * took back; the kernel's VFIO, which QEMU was written for, takes what is inside, too, and cuts
 * nothing. QEMU reports the latter and goes on.
 * @return 0; -EINVAL: no legal range, or it would cut a granted one in two; -ENOENT: nothing is
 * granted there.
 */
int vfu_mem_unmap(struct vfu_mem *mem, uint64_t addr, uint64_t size);

/** Take back everything. */
void vfu_mem_clear(struct vfu_mem *mem);

/**
 * Copy out of or into granted memory; an access may span neighbouring ranges.
 * @return 0; -EFAULT: not all of it is granted with the right; -EIO: the file became shorter, or
 * the client did not answer.
 */
int vfu_mem_read(struct vfu_mem *mem, uint64_t addr, void *buf, size_t len);
int vfu_mem_write(struct vfu_mem *mem, uint64_t addr, const void *buf, size_t len);

/** Store 8 aligned bytes in one piece, after all earlier stores. @return as vfu_mem_write(). */
int vfu_mem_write64(struct vfu_mem *mem, uint64_t addr, uint64_t value);

#endif /* VFU_MEM_H */
