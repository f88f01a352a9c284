/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#ifndef DCP_H
#define DCP_H

/**
 * @file
 * A DMA completion port: many dmadev channels issue into one object, and a managed set of threads
 * takes finished operations from it, each exactly once, each with the context it was issued with.
 *
 * Threads need not be EAL threads. Nothing is allocated after dcp_create(), except by
 * dcp_uring_add() (dcp_uring.h), which makes sockets and files one more source. A port belongs to
 * one process; fork() and secondary processes are not supported. doc/dcp.md is the guide.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_dmadev.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define DCP_CHAN_POST   0xFFFF     /**< dcp_cpl.chan of what dcp_post() queued */
#define DCP_FOREVER     UINT64_MAX /**< a time-out that never comes */

#define DCP_CHANS_MAX   1024   /**< dcp_conf.max_chans, at most */
#define DCP_WORKERS_MAX 1024   /**< dcp_conf.max_workers, at most */
#define DCP_DEPTH_MAX   65536u /**< dcp_conf.chan_depth and post_depth, at most */
#define DCP_WAIT_US_MAX 100000 /**< dcp_conf.spin_us and nap_us, at most */

/** dcp_cpl.status: 0 to 0x100 are values of enum rte_dma_status_code; and: */
enum dcp_status {
	DCP_ST_OK = 0,           /**< done */
	DCP_ST_ABORTED = 0xFF01, /**< the device was stopped; whether it was done is unknown */
	DCP_ST_ERRNO = 0xFF02,   /**< of an io_uring: dcp_uring_res() is the reason */
};

/** One finished operation, or one posted record. */
struct dcp_cpl {
	uint64_t ctx; /**< the context of the operation, verbatim */
	/** Of a channel: 0, 1, 2... in order of acceptance; of a ring: dcp_uring_res(); posted: the
	 * user's.
	 */
	uint32_t seq;
	uint16_t chan;   /**< channel id, or DCP_CHAN_POST */
	uint16_t status; /**< enum dcp_status; posted: the user's */
};

enum dcp_op_type {
	DCP_OP_COPY,
	DCP_OP_FILL,
	DCP_OP_COPY_SG,
};

/** Starts after all earlier ones have finished; RTE_DMA_OP_FLAG_FENCE. */
#define DCP_OP_F_FENCE RTE_BIT32(0)
/** Destination into the last-level cache; RTE_DMA_OP_FLAG_LLC. */
#define DCP_OP_F_LLC               RTE_BIT32(2)

#define DCP_SG_LEN(nb_src, nb_dst) ((uint32_t)(nb_src) | (uint32_t)(nb_dst) << 16)

/** One operation. Addresses are what the dmadev wants: IOVA, or virtual where it has SVA. */
struct dcp_op {
	uint64_t ctx;   /**< comes back in dcp_cpl.ctx; the port does not look at it */
	rte_iova_t dst; /**< COPY, FILL */
	union {
		rte_iova_t src;          /**< COPY */
		uint64_t pattern;        /**< FILL */
		struct rte_dma_sge *sge; /**< COPY_SG: the sources, then the destinations */
	};
	uint32_t len;   /**< bytes; COPY_SG: DCP_SG_LEN() */
	uint16_t type;  /**< enum dcp_op_type */
	uint16_t flags; /**< DCP_OP_F_* */
};

/** What dcp_create() reserves. */
struct dcp_conf {
	const char *name;     /**< 1 to 31 characters; unique among the ports of the process */
	int socket_id;        /**< NUMA node of the memory, or SOCKET_ID_ANY */
	uint16_t max_chans;   /**< 1 to DCP_CHANS_MAX */
	uint16_t max_workers; /**< 1 to DCP_WORKERS_MAX */
	/** Workers that may run at a time. 0: unlimited - NOT the number of processors. */
	uint16_t max_running;
	/** Operations that a channel holds from acceptance to delivery: a power of two up to
	 * DCP_DEPTH_MAX; 0: 4096. Costs 10 bytes each.
	 */
	uint32_t chan_depth;
	uint32_t post_depth; /**< records that wait in dcp_post() at most; 0: no posts */
	uint32_t spin_us;    /**< how long a waiting worker polls before it naps; 0: 20 */
	/** The longest nap while operations are in flight: what waiting may add to latency, beside
	 * the timer slack of the thread. 0: 100.
	 */
	uint32_t nap_us;
	uint32_t flags; /**< DCP_F_* */
};

#define DCP_F_URING \
	RTE_BIT32(0) /**< dcp_uring_add() (dcp_uring.h) will be called; costs two files */
/**
 * One thread at a time makes all calls on the port, dcp_close() too, dcp_stats() excepted: no lock
 * is taken. So nobody can end a dcp_get() that waits with nothing in flight, but its time-out.
 */
#define DCP_F_SINGLE RTE_BIT32(1)

/** Counters since the port was created or the channel added. */
struct dcp_stats {
	uint64_t issued;      /**< operations accepted */
	uint64_t ok;          /**< delivered with DCP_ST_OK */
	uint64_t failed;      /**< delivered with the status of a device */
	uint64_t aborted;     /**< delivered with DCP_ST_ABORTED */
	uint64_t full;        /**< calls of dcp_issue() cut short because there was no room */
	uint64_t max_depth;   /**< most operations ever held by a channel */
	uint64_t faults;      /**< channels that have failed and want dcp_chan_del() with abort */
	uint64_t gets;        /**< the rest is 0 for a single channel: calls of dcp_get() */
	uint64_t empty_gets;  /**< of these, calls that brought nothing */
	uint64_t lock_misses; /**< sources passed over because another thread was at them */
	uint64_t posts;       /**< records queued by dcp_post() */
	uint64_t wakes;       /**< workers woken */
	uint64_t naps;        /**< naps and sleeps of polling workers */
	uint64_t over_limit;  /**< workers that came back although max_running were running */
};

struct dcp_port;   /**< any thread, except where a function says otherwise */
struct dcp_worker; /**< used by one thread at a time */

/**
 * Make a port.
 * @return NULL with rte_errno: -
 *	EINVAL: a field of @p conf is outside its range; EEXIST: the name is taken; ENOMEM;
 *	EMFILE, ENFILE: too many files are open for DCP_F_URING.
 */
struct dcp_port *dcp_create(const struct dcp_conf *conf);

#define DCP_CHAN_F_SERIAL RTE_BIT32(0) /**< one worker at a time holds records of the channel */

/**
 * Let a virtual channel of a dmadev issue into a port.
 *
 * The device is configured and started, idle, and not in silent mode: dmadev has no call that tells
 * the port. From here to dcp_chan_del() nobody else calls the data path of the device, stops or
 * closes it. All channels of one device belong to one port, which has one lock for all of them,
 * because dmadev forbids parallel calls on one device.
 *
 * Records of a channel with DCP_CHAN_F_SERIAL that a dcp_get() has returned belong to that worker
 * alone: other workers get records of the channel only after its next dcp_get(), dcp_block() or
 * dcp_worker_del(). Such a worker that never makes one of these calls stops the channel.
 *
 * @param key  for dcp_chan_key(); the port does not look at it
 * @return the channel's id, 0 to 65534; or
 *	-EINVAL: no such device or vchan, or a bad flag; -ENOTSUP: the device cannot copy;
 *	-EBUSY: the device belongs to another port; -EIO: an abort has stopped it;
 *	-EEXIST: the channel is in this port; -ENOSPC: max_chans are; -ESHUTDOWN: closed.
 */
int dcp_chan_add(struct dcp_port *port, int16_t dev_id, uint16_t vchan, uint64_t key,
                 uint32_t flags);

/**
 * Take a channel out of its port. It accepts nothing from the first call on; the call waits until
 * all it has accepted is delivered, and for a SERIAL channel until no worker holds it. Others must
 * go on getting meanwhile. The device is left started and may go to another port.
 *
 * With @p abort the device is stopped and not started again; what it had not finished is delivered
 * as DCP_ST_ABORTED. This includes the other channels of the device: they accept nothing any more
 * (-EIO) and remain to be deleted. Of a ring the operations are cancelled: see dcp_uring.h.
 *
 * @param timeout_ns  0: do not wait
 * @return 0: gone, the id is not valid any more; or
 *	-EINVAL: no such channel; -ETIMEDOUT: something is not delivered yet: call again;
 *	-EIO: with @p abort: the device did not stop, may still write, so nothing is reported as
 *	finished, call again; without: the channel has failed and needs @p abort;
 *	-EDEADLK: the caller is a running worker of the port and @p timeout_ns is not 0.
 */
int dcp_chan_del(struct dcp_port *port, uint16_t chan, bool abort, uint64_t timeout_ns);

/** The key of a channel, also of a deleted one until its place is taken; else 0. */
uint64_t dcp_chan_key(const struct dcp_port *port, uint16_t chan);

#define DCP_WORKER_F_NOSLEEP RTE_BIT32(0) /**< an lcore: waits by polling, never sleeps */

/**
 * Register a worker: who calls dcp_get().
 * @return NULL with rte_errno: EINVAL: a bad flag; ENOSPC: max_workers are there;
 *	ESHUTDOWN: the port is closed and all was delivered.
 */
struct dcp_worker *dcp_worker_add(struct dcp_port *port, uint32_t flags);

/** End a worker that is not inside a call; NULL is allowed. Frees all that it holds. To be called
 * before the thread ends that ran as this worker last: a new thread may be taken for that one.
 */
void dcp_worker_del(struct dcp_worker *w);

/**
 * Issue operations and ring the doorbell once, for what was accepted. Never waits for room.
 * Arrays and sge lists are free on return. Buffers and contexts of accepted operations belong to
 * device and port until dcp_get() returns the record, then to that worker.
 * Makes no system call, unless a worker sleeps because the port was empty.
 *
 * @param n  0: only ask whether the channel accepts any: 0 or an error
 * @return how many were accepted, a prefix of @p ops; fewer than @p n: no room, or the next one
 *	would fail when issued alone. If none was accepted, 0: no room, or
 *	-EINVAL: no such channel, or the first operation has an unknown type or flag, no length or
 *	too many segments; -ENOTSUP: the device lacks the operation, or the channel is a ring;
 *	-ESHUTDOWN: the port is closed or the channel being deleted; -EIO: the channel has failed
 *	(delete it with abort) or its device was stopped by an abort; any other error of the device.
 */
int dcp_issue(struct dcp_port *port, uint16_t chan, const struct dcp_op *ops, uint16_t n);

/**
 * Queue records of the caller's own. ctx, seq and status are not looked at; chan becomes
 * DCP_CHAN_POST. Never waits for room.
 * @return how many were queued, a prefix of @p cpl; 0: no room; -EINVAL: the port has no posts;
 *	-ESHUTDOWN: closed.
 */
int dcp_post(struct dcp_port *port, const struct dcp_cpl *cpl, uint16_t n);

/**
 * Take records off the port.
 *
 * With records there and the limit not reached, returns at once with as many as fit. Records of one
 * channel come in the order of seq; between channels, and between them and posts, there is none.
 * Records that another thread is just at are passed over: a get beside other calls may say that
 * there is nothing although there is. From a channel that has failed nothing comes any more until
 * it is aborted: see dcp_stats.faults.
 * Otherwise waits for @p timeout_ns on the monotonic clock, never shorter; signals do not end it. A
 * worker whose wait ends counts as running, with or without records, until its next dcp_get(),
 * dcp_block() or dcp_worker_del().
 *
 * @param max         room in @p out, at least 1
 * @param timeout_ns  0: look once; DCP_FOREVER
 * @return records stored, at least 1 (which says nothing about success: look at each status); or
 *	-EAGAIN: @p timeout_ns is 0 and there is nothing, or max_running others run;
 *	-ETIMEDOUT; -ESHUTDOWN: the port is closed and all was delivered, now and ever after;
 *	-EINVAL: an argument is 0 or NULL, or the worker is between dcp_block(true) and (false).
 */
int dcp_get(struct dcp_worker *w, struct dcp_cpl *out, uint16_t max, uint64_t timeout_ns);

/**
 * Say that a worker is about to block elsewhere (@p begin), or has come back. In between another
 * may run in its place. Coming back never waits, even when that makes one too many: then the next
 * dcp_get() of one waits.
 */
void dcp_block(struct dcp_worker *w, bool begin);

/**
 * Note what devices have finished without delivering it, so that descriptors become free while the
 * workers are busy; a service core may do that. chan_depth counts what is noted, too.
 * @param budget  operations, at most
 * @return operations noted.
 */
int dcp_harvest(struct dcp_port *port, uint16_t budget);

/**
 * Close a port: when it returns, dcp_issue() and dcp_post() accept nothing more (-ESHUTDOWN). What
 * was accepted is still delivered; after that every dcp_get() returns -ESHUTDOWN, waiting ones,
 * too. Does not wait for that. May be called more than once, also by a worker.
 */
void dcp_close(struct dcp_port *port);

/**
 * Free a port; NULL is allowed. No other thread is in a call, or makes another.
 * @return 0; -EBUSY: it is not closed, has channels or workers, or records that wait.
 */
int dcp_destroy(struct dcp_port *port);

#define DCP_CHAN_ALL (-1) /**< for dcp_stats() */

/**
 * Counters of a channel, or of the whole port with @p chan DCP_CHAN_ALL. What deleted channels and
 * workers had counted stays in the port's sums. Exact when nothing is going on, else each counter
 * is a recent value.
 * @return 0; -EINVAL: no such channel.
 */
int dcp_stats(struct dcp_port *port, int chan, struct dcp_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* DCP_H */
