/* Python's pickle as data. A closed stack machine reads the whole stream into a tree of values: nothing is imported,
 * called or constructed, and a name that is not on the allow-list of torch's own tensor containers ends the reading.
 * What a "call" in the tree would mean is decided later (torch_tensor.c), and only for calls that make tensors.
 *
 * Sources: CPython's Lib/pickletools.py for the opcodes; torch/_weights_only_unpickler.py for what a tensor file needs. */
#ifndef PICKLE_H
#define PICKLE_H

#include <libfmt/err.h>
#include <libfmt/types.h>
#include <stddef.h>

#include "arena.h"

enum pkl_kind {
	PKL_NONE,
	PKL_BOOL,
	PKL_INT,
	PKL_BIGINT,  /* more than 64 bits */
	PKL_FLOAT,
	PKL_STR,
	PKL_BYTES,
	PKL_TUPLE,
	PKL_LIST,
	PKL_SET,
	PKL_DICT,    /* dict, OrderedDict and Counter alike */
	PKL_GLOBAL,  /* a name from the allow-list */
	PKL_PERSID,  /* a persistent id: torch's reference to a storage */
	PKL_CALL,    /* a global and the tuple that it would be called with */
};

/* What an allowed name stands for. */
enum pkl_role {
	PKL_AS_DICT,              /* collections.OrderedDict, collections.Counter */
	PKL_AS_TENSOR,            /* (storage, offset, size, stride, ...) */
	PKL_AS_TENSOR_V3,         /* (storage, offset, size, stride, requires_grad, hooks, dtype, ...) */
	PKL_AS_PARAMETER,         /* (tensor, ...) */
	PKL_AS_TYPED,             /* (function, class, arguments of the function, state) */
	PKL_AS_SIZE,              /* torch.Size */
	PKL_AS_STORAGE,           /* a storage class of elements of `type` */
	PKL_AS_UNTYPED,           /* the storage class of plain bytes */
	PKL_AS_DTYPE,             /* an element type */
	PKL_AS_CLASS,             /* a class of tensors: harmless, never looked into */
	PKL_AS_VALUE,             /* makes a plain value: harmless, never looked into */
	PKL_AS_UNSUPPORTED,       /* a tensor, storage or type of a kind that has no counterpart here */
};

struct pkl_global {
	const char *module, *name;
	enum pkl_role role;
	enum fmt_type type;       /* of PKL_AS_STORAGE and PKL_AS_DTYPE */
};

struct pkl {
	enum pkl_kind kind;
	uint32_t n;               /* bytes of a STR, BYTES or BIGINT; items; pairs of a DICT */
	uint32_t cap;             /* of items, while it grows */
	uint32_t off;             /* where in the stream it was made */
	union {
		bool b;
		int64_t i;
		double f;
		const char *s;                   /* STR, BYTES, BIGINT (little endian two's complement); in the stream */
		const struct pkl **items;        /* TUPLE LIST SET: n; DICT: 2n, key and value; PERSID: 1; CALL: 2 */
		const struct pkl_global *global;
	} as;
};

/* One pickle, read whole. */
struct pickle {
	const struct pkl *root;
	const struct pkl **persids; /* all persistent ids, in the order in which they came */
	uint64_t n_persids;
	size_t n_bytes;             /* up to and with STOP */
};

/* Reads one pickle, of protocol 2 to 5, from the beginning of n bytes; what follows it is left alone.
 * base    offset of `bytes` in its file, for messages
 * arena   takes the values, which refer to `bytes`
 * returns false with *err set if the stream is malformed, uses an opcode that data has no need of, or names anything
 *         that is not on the list (FMT_UNSAFE). Values may contain themselves: whoever walks them must bound the depth. */
bool pickle_parse(struct pickle *out, const uint8_t *bytes, size_t n, uint64_t base, struct fmt_arena *arena,
                  struct fmt_err *err);

/* Memory that the values of n bytes of pickle may take, as the limit of an arena: an opcode of one byte makes a value of
 * 24 and an array of one, rounded up to 16 each, and a place on a stack that doubles. Torch's own take about 10. */
#define PICKLE_ARENA_LIMIT(n) (((uint64_t)1 << 20) + 72 * (uint64_t)(n))

/* The value of a text key in a DICT; the last, as in Python. NULL if there is none. */
const struct pkl *pickle_get(const struct pkl *dict, const char *key);

/* An entry of the allow-list, NULL if it is not there. */
const struct pkl_global *pickle_global(const char *module, size_t module_n, const char *name, size_t name_n);

#endif
