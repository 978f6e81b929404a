/* The state of the machine that reads pickles, and what every opcode is made of. After a failure *m->err is set, and the
 * functions give false or NULL. */
#ifndef PICKLE_MACHINE_H
#define PICKLE_MACHINE_H

#include "cursor.h"
#include "limit.h"
#include "pickle.h"

struct pkl_machine {
	struct fmt_cur in;
	struct fmt_arena *arena;
	struct fmt_err *err;
	uint64_t at;              /* offset of the opcode that is carried out */
	const struct pkl **stack;
	uint64_t n_stack, cap_stack;
	uint64_t marks[LIMIT_PICKLE_MARKS]; /* heights of the stack where a MARK was set */
	uint64_t n_marks;
	const struct pkl **memo;
	uint64_t n_memo, cap_memo; /* n_memo: how many were made, which MEMOIZE counts by */
	const struct pkl **persids;
	uint64_t n_persids, cap_persids;
	bool done;
};

/* The stream is malformed at the opcode that is carried out. Gives false. */
bool pkl_bad(struct pkl_machine *m, const char *what);

/* Room for at least n values in an array of the arena. */
bool pkl_reserve(struct pkl_machine *m, const struct pkl ***values, uint64_t *cap, uint64_t n);

bool pkl_push(struct pkl_machine *m, const struct pkl *v); /* NULL, the failed making of a value, fails on */
const struct pkl *pkl_pop(struct pkl_machine *m);

/* At least n values on the stack above the last mark? What lies below it is out of reach. */
bool pkl_need(struct pkl_machine *m, uint64_t n);

/* The values above the last mark, which is taken away with them. They stay where they are until the next push. */
bool pkl_pop_mark(struct pkl_machine *m, const struct pkl ***items, uint64_t *n);

struct pkl *pkl_make(struct pkl_machine *m, enum pkl_kind kind);

/* Appends n items to a container; of a DICT n is even. */
bool pkl_append(struct pkl_machine *m, const struct pkl *container, const struct pkl *const *items, uint64_t n);

bool pkl_push_container(struct pkl_machine *m, enum pkl_kind kind, const struct pkl *const *items, uint64_t n);

#endif
