/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 *
 * How workers of a completion port wait: slots, leader, sleep and wake, time-outs, blocking, close.
 * Names are those of lib/dcp: slots.c, port_wait.c, dcp_sync.h. check.py runs it with
 *
 *	WORKERS, LIMIT, OPS, POSTS   how many; LIMIT 255: unlimited
 *	TIMEOUTS                     waits of each worker but the first that may time out; then it
 *	                             may leave, too
 *	BLOCKS                       times that each worker may block
 *	CLOSE                        the port is closed at some moment
 *	STALL                        the first worker does not call again after its first record
 *	SLOW_DEVICE                  it finishes when all posts have been delivered
 *	SERIAL                       operations are those of a serial channel: whoever took one holds
 *	                             it until its next get, block or end
 *	M_...                        one mutation, which must be found
 *
 * What is under a lock there is atomic here; that includes taking a record. Naps have no length:
 * one ends when there is a reason. Memory is sequentially consistent; what a missing fence would
 * allow are the mutants M_NO_FENCE and M_LOOK_FIRST, with the two accesses the other way round.
 */

#define NOBODY 255

mtype = { AWAKE, NAP, DEEP, VACANT, FREE, PARKED, CALLED, SHUT };

byte in_flight, ready, posts;      /* accepted, finished, posted: not delivered */
byte accepted, delivered;
byte running, leader = NOBODY;
byte stack[WORKERS], depth;
bool slot[WORKERS];
mtype seat[WORKERS] = FREE;
bool on_seat[WORKERS];             /* asleep on it: a change of the word alone does not wake */
mtype bed = AWAKE;
bool on_bed;
bool vacant;                       /* nobody leads the parked: who adds work fills the lead */
bool closing, sealed, shut;
byte producers;                    /* that have not ended */

#define OWES     (in_flight + ready + posts != 0)
#define HAS_WORK OWES
#ifdef SERIAL
byte holder = NOBODY;
byte in_hands;                     /* workers with records of the serial channel */
#ifdef M_HOLDER_IGNORED
#define CAN_TAKE (ready > 0)
#else
#define CAN_TAKE (ready > 0 && holder == NOBODY)
#endif
#define HOLD     holder = me; holds = true; in_hands++; assert(in_hands == 1)
#ifdef M_HELD_IS_NO_WORK
#undef HAS_WORK
#define HAS_WORK (in_flight + posts != 0 || CAN_TAKE)
#endif
#else
#define CAN_TAKE (ready > 0)
#define HOLD     skip
#endif
#define MAY_RUN  (LIMIT == 255 || (slot[me] && running <= LIMIT))
#define SOUND    (depth == 0 || leader == NOBODY || slot[leader]) && \
	(leader == NOBODY || !vacant) && \
	(depth == 0 || leader != NOBODY || vacant || running >= LIMIT)

inline set_slot(w, on)
{
	if
	:: slot[w] != on ->
		slot[w] = on;
		if
		:: on -> running++
		:: else -> running--
		fi
	:: else
	fi
}

/* Sets next to who was called, or NOBODY. */
inline promote()
{
	next = NOBODY;
	if
	:: leader == NOBODY && !vacant && depth > 0 && running < LIMIT ->
		depth--;
		next = stack[depth];
		stack[depth] = 0;
		set_slot(next, true);
		leader = next;
		seat[next] = CALLED
	:: else
	fi
}

inline wake_seat()
{
	if
	:: next != NOBODY -> on_seat[next] = false; next = NOBODY
	:: else
	fi
}

inline occupy()
{
	if
	:: vacant -> vacant = false; bed = AWAKE
	:: else
	fi
}

inline slots_fill()
{
	atomic {
		occupy();
		promote();
		assert(SOUND)
	}
	wake_seat()
}

/* lead_end() of a leader that has found something. */
inline vacate()
{
	if
	:: OWES -> slots_lead_end()
	:: else ->
		atomic {
			leader = NOBODY;
			if
			:: depth > 0 && running < LIMIT -> vacant = true; bed = VACANT
			:: else
			fi;
			assert(SOUND)
		}
#ifndef M_VACATE_NO_SECOND_LOOK
		if
		:: OWES -> slots_fill()
		:: else
		fi
#endif
	fi
}

inline slots_lead_end()
{
	atomic {
		leader = NOBODY;
#ifdef M_LEAD_END_NO_PROMOTE
		next = NOBODY
#else
		promote()
#endif
		assert(SOUND)
	}
	wake_seat()
}

inline slots_give(no_promote)
{
	atomic {
		set_slot(me, false);
		if
		:: no_promote -> next = NOBODY
		:: else -> promote()
		fi;
		assert(no_promote || SOUND)
	}
	wake_seat()
}

/* One caller only wakes, as in dcp_bed_rouse(). */
inline rouse(deep_only)
{
	atomic {
		if
		:: bed == VACANT -> bed = AWAKE; fills = true
		:: bed == DEEP || (bed == NAP && !deep_only) -> bed = AWAKE; won = true
		:: else -> won = false
		fi
	}
	if
	:: won -> atomic { on_bed = false; won = false }
	:: fills ->
		fills = false;
#ifndef M_ROUSE_LEAVES_IT_VACANT
		slots_fill()
#endif
	:: else
	fi
}

inline settle()
{
	if
	:: sealed && !OWES ->
		do
		:: atomic {
			shut = true;
			if
			:: depth > 0 ->
				depth--;
				next = stack[depth];
				stack[depth] = 0;
				seat[next] = SHUT
			:: else -> next = NOBODY
			fi }
#ifdef M_SETTLE_ONE
			wake_seat();
			break
#else
			if
			:: next == NOBODY -> break
			:: else -> wake_seat()
			fi
#endif
		od;
		rouse(false)
	:: else
	fi
}

#ifdef SERIAL
/* worker_drop_held() */
inline drop_held()
{
	atomic {
		if
		:: holds -> holds = false; in_hands--; holder = NOBODY
		:: else
		fi
	}
}
#else
#define drop_held() skip
#endif

#define POLL(taken) \
	atomic { \
		if \
		:: CAN_TAKE -> ready--; delivered++; HOLD; goto taken \
		:: posts > 0 -> posts--; delivered++; goto taken \
		:: else \
		fi \
	}

proctype worker(byte me; byte time_outs; byte blocks)
{
	byte next = NOBODY, i = 0;
	bool won, fills, timed, look;
	mtype state = AWAKE;
#ifdef SERIAL
	bool holds;
#endif

get:
	drop_held();
	if
	:: MAY_RUN -> POLL(have)
	:: else
	fi;
enter:
	atomic {
		if
		:: slot[me] && running > LIMIT -> set_slot(me, false)
		:: else
		fi;
		if
#ifndef M_ENTER_IGNORES_SHUT
		:: shut -> goto shut_down
#endif
#ifdef M_ENTER_IGNORES_SHUT
		:: leader == NOBODY && (slot[me] || running < LIMIT) ->
#else
		:: !shut && leader == NOBODY && (slot[me] || running < LIMIT) ->
#endif
			set_slot(me, true);
#ifndef M_ENTER_LEAVES_IT_VACANT
			occupy();
#endif
			leader = me;
			assert(SOUND);
			goto lead
		:: else ->
			set_slot(me, false);
			stack[depth] = me;
			depth++;
			seat[me] = PARKED;
			assert(SOUND)
		fi
	}
park:
	atomic {
		if
		:: seat[me] == PARKED -> on_seat[me] = true
		:: else
		fi
	}
end_park:
	if
	:: !on_seat[me]
	:: on_seat[me] && time_outs > 0 -> time_outs--; timed = true; on_seat[me] = false
	fi;
	if
	:: timed ->
		/* slots_expire() */
		atomic {
			timed = false;
			i = 0;
			if
#ifdef M_EXPIRE_IGNORES_CALL
			:: true ->
				do
				:: i < depth && stack[i] != me -> i++
				:: else -> break
				od;
#else
			:: seat[me] == PARKED ->
				do
				:: stack[i] != me -> i++
				:: else -> break
				od;
#endif
				do
				:: i + 1 < depth -> stack[i] = stack[i + 1]; i++
				:: else -> break
				od;
				if
				:: i < depth -> depth--; stack[depth] = 0
				:: else
				fi;
				i = 0;
				set_slot(me, true);
				seat[me] = FREE;
				goto timed_out
			:: else /* called just now: that counts */
			fi
		}
	:: else
	fi;
	if
	:: seat[me] == PARKED -> goto park
	:: seat[me] == SHUT -> seat[me] = FREE; goto shut_down
	:: seat[me] == CALLED -> seat[me] = FREE
	fi;
lead:
	if
	:: !MAY_RUN -> /* over the limit */
		slots_lead_end();
		goto enter
	:: else
	fi;
	POLL(lead_have);
	if
	:: shut -> slots_lead_end(); goto shut_down
	:: else
	fi;
	/* lead_sleep() */
	if
	:: HAS_WORK -> state = NAP
	:: else -> state = DEEP
	fi;
#ifdef M_LOOK_FIRST
	look = shut || posts > 0 || (state == DEEP && HAS_WORK);
	bed = state;
#else
	bed = state;
#ifdef M_NO_SECOND_LOOK
	look = false;
#else
	look = shut || posts > 0 || (state == DEEP && HAS_WORK);
#endif
#endif
	if
	:: look
	:: else ->
		atomic {
			if
			:: bed == state -> on_bed = true
			:: else
			fi
		}
end_lead:
		if
		:: !on_bed
		:: state == NAP && (CAN_TAKE || in_flight + ready == 0) /* the nap is over */
		:: time_outs > 0 -> time_outs--; timed = true
		fi;
		on_bed = false
	fi;
	atomic {
		bed = AWAKE;
		look = false;
		state = AWAKE;
		if
		:: timed -> timed = false
		:: else -> goto lead
		fi
	}
	POLL(lead_have);
#ifndef M_TIME_OUT_KEEPS_LEAD
	slots_lead_end();
#endif
	goto timed_out;

lead_have:
	vacate();
have:
	if
	:: closing -> settle()
	:: else
	fi;
#ifdef STALL
	if
	:: me == 0 -> goto gone /* with its slot */
	:: else
	fi;
#endif
	if
	:: blocks > 0 -> /* dcp_block(true), and may be never back */
		blocks--;
#ifndef M_BLOCK_KEEPS_HOLD
		drop_held();
#endif
#ifdef M_BLOCK_NO_PROMOTE
		slots_give(true);
#else
		slots_give(false);
#endif
		if
		:: me != 0 && !closing -> goto gone
		:: true ->
			atomic { set_slot(me, true); assert(SOUND) }
		fi
	:: true
	fi;
	goto get;

timed_out:
	if
	:: true -> goto get
	:: me != 0 -> /* dcp_worker_del(); what it held, its get has dropped */
#ifdef M_DEL_NO_PROMOTE
		slots_give(true);
#else
		slots_give(false);
#endif
		goto gone
	fi;

shut_down:
	slots_give(false);
	assert(!OWES);
gone:
	skip
}

proctype issuer()
{
	byte n = 0, next = NOBODY;
	bool won, fills;
#ifdef M_NO_FENCE
	mtype saw;
#endif

	do
	:: n < OPS ->
		n++;
#ifdef M_NO_FENCE
		saw = bed;
#endif
		atomic {
			if
			:: !closing -> in_flight++; accepted++
			:: else -> break
			fi
		}
#ifdef M_NO_FENCE
		if
		:: saw == DEEP || saw == VACANT -> rouse(true)
		:: else
		fi
#else
		rouse(true)
#endif
	:: else -> break
	od;
	producers--
}

proctype poster()
{
	byte n = 0, next = NOBODY;
	bool won, fills;

	do
	:: n < POSTS ->
		n++;
		atomic {
			if
			:: !closing -> posts++; accepted++
			:: else -> break
			fi
		}
#ifdef M_POST_ROUSES_DEEP_ONLY
		rouse(true)
#else
		rouse(false)
#endif
	:: else -> break
	od;
	producers--
}

active proctype device()
{
end_device:
	do
#ifdef SLOW_DEVICE
	:: atomic { in_flight > 0 && producers == 0 && posts == 0 -> in_flight--; ready++ }
#else
	:: atomic { in_flight > 0 -> in_flight--; ready++ }
#endif
	od
}

proctype closer()
{
	byte next = NOBODY;
	bool won, fills;

	closing = true;
	sealed = true; /* accepting is atomic here: there is nothing to pass */
	settle()
}

init
{
	byte w = 0;

	atomic {
		if
		:: OPS > 0 -> producers++; run issuer()
		:: else
		fi;
		if
		:: POSTS > 0 -> producers++; run poster()
		:: else
		fi;
		do
		:: w < WORKERS -> run worker(w, (w == 0 -> 0 : TIMEOUTS), BLOCKS); w++
		:: else -> break
		od;
#ifdef CLOSE
		run closer();
#endif
	}
	/* Nothing can happen any more. */
	timeout;
	assert(producers == 0);
#if defined(SERIAL) && defined(STALL)
	/* Whoever keeps a serial channel stops that channel and nothing else. */
	assert(posts == 0 && (delivered == accepted || holder == 0));
#else
	assert(delivered == accepted);
#endif
#ifdef CLOSE
	assert(shut && depth == 0 && leader == NOBODY)
#endif
}
