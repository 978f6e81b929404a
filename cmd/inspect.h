/* gguf-inspect, between its files: what was opened, what was asked for, and who shows it.
 *
 * inspect_open.c gathers, inspect_check.c and inspect_values.c judge, inspect_text.c, inspect_tables.c and
 * inspect_json.c show. */
#ifndef CMD_INSPECT_H
#define CMD_INSPECT_H

#include <libfmt/component.h>
#include <libfmt/digest.h>
#include <libfmt/view.h>

#include "cli.h"

/* A tensor as it is shown: stored in a file, or made on demand by a view (--as-gguf). */
struct inspect_tensor {
	struct fmt_str name;
	enum fmt_type type;
	uint32_t n_dims;
	const uint64_t *dims; /* innermost last */
	uint64_t n_elems;
	uint64_t n_bytes;
	enum fmt_component part;
	const struct fmt_tensor *stored; /* NULL if it is made on demand */
	char hash[FMT_DIGEST_HEX];       /* "" unless asked for */
};

/* What tensors of one kind add up to. */
struct inspect_sum {
	uint64_t n_tensors;
	uint64_t n_params;
	uint64_t n_bytes;
};

struct inspect_finding {
	const char *kind; /* a word for programs: "gap", "non-finite" */
	char text[300];   /* a line for people, safe to print */
};

struct inspect_findings {
	struct inspect_finding *items;
	size_t n, cap;
	bool failed; /* out of memory: the list is not complete */
};

struct inspect_opts {
	const char *filter; /* shown are only tensors and keys that match; NULL: all */
	bool summary, tensors, metadata;
	bool full;    /* values and arrays at full length */
	bool as_gguf; /* a directory as the GGUF that it would become */
	bool hash;
	bool check;
	bool colour;
};

struct inspect {
	const char *path;
	struct fmt_view *view;          /* NULL if it is not a whole model of a known architecture */
	struct fmt_err view_err;        /* why not, of a directory */
	struct fmt_model *opened;       /* NULL where the view owns the model */
	const struct fmt_model *model;
	uint64_t n_kv;
	const struct fmt_kv *kv;
	uint64_t n_tensors;
	struct inspect_tensor *tensors; /* in the order of the file; totals are over all of them */
	struct inspect_sum total, types[FMT_TYPE_COUNT], parts[FMT_PART_COUNT];
	uint64_t file_bytes;
	char hash[FMT_DIGEST_HEX];      /* of all contents, see inspect_hash */
	struct inspect_findings findings;
};

/* Opens a file or directory. inspect_close in every case. */
bool inspect_open(struct inspect *in, const char *path, const struct inspect_opts *o, struct fmt_err *err);
void inspect_close(struct inspect *in);

const struct fmt_value *inspect_get(const struct inspect *in, const char *key); /* NULL: no such key */
/* The value of "{architecture}.SUFFIX". */
const struct fmt_value *inspect_arch_get(const struct inspect *in, const char *suffix);
/* A key's text; {NULL, 0} if there is none or it is no string. */
struct fmt_str inspect_text_of(const struct fmt_value *v);
bool inspect_number_of(const struct fmt_value *v, uint64_t *out); /* true for an integer that is not negative */
struct fmt_value inspect_value_at(const struct fmt_value *array, uint64_t i);
/* "u32", "str", "[f32]"; buf of 16 bytes */
const char *inspect_type_of(const struct fmt_value *v, char *buf);
/* A float; one of 32 bits as the shortest decimal number that reads back as it: 1e-05, not 9.9999997e-06. */
double inspect_real_of(const struct fmt_value *v);
const char *inspect_container(const struct fmt_model *m); /* "GGUF", "safetensors", "PyTorch zip" ... */
const char *inspect_file_type(const struct inspect *in); /* general.file_type by name: "Q4_K_M"; NULL if unknown */

/* Shell patterns with * and ?. A NULL pattern matches everything. */
bool inspect_match(const char *pattern, struct fmt_str s);

/* Fills in the hash of every tensor, and in->hash: XXH3-128 over "NAME\0TYPE\0SHAPE\0HASH\n" of every tensor, sorted by
 * name, so that it depends on what is stored and not on where. */
bool inspect_hash(struct inspect *in, struct fmt_err *err);

/* Looks for what a reader accepts and a model should not have; false only if reading fails. */
bool inspect_check(struct inspect *in, struct fmt_err *err);
bool inspect_check_values(struct inspect *in, const struct inspect_tensor *t, struct fmt_err *err);
void inspect_found(struct inspect *in, const char *kind, const char *format, ...) FMT_PRINTF(3, 4);
/* A name for such a text: in quotes, escaped, and cut if long. buf: at least 100 bytes. */
const char *inspect_shown(struct fmt_str name, char *buf);

void inspect_print(const struct inspect *in, const struct inspect_opts *o);
void inspect_print_layers(const struct inspect *in, const struct inspect_opts *o);   /* tensors, alike ones in one line */
void inspect_print_tensors(const struct inspect *in, const struct inspect_opts *o);  /* every one */
void inspect_print_metadata(const struct inspect *in, const struct inspect_opts *o);
void inspect_json(struct cli_json *j, const struct inspect *in, const struct inspect_opts *o);
/* An element that says why there is none; the exit status. */
int inspect_json_error(const struct cli_program *p, struct cli_json *j, const char *path, const struct fmt_err *err);

/* A LoRA adapter. */
enum { INSPECT_MAX_TARGETS = 64 };
struct inspect_adapter {
	uint64_t n_modules;          /* matrices that it changes */
	uint64_t min_rank, max_rank;
	double alpha;                /* 0: not said */
	size_t n_targets;
	struct fmt_str targets[INSPECT_MAX_TARGETS]; /* last parts of their names, each once */
};
bool inspect_adapter_of(const struct inspect *in, struct inspect_adapter *a); /* false: it is none */
void inspect_adapter_line(const struct inspect *in);
void inspect_adapter_json(struct cli_json *j, const struct inspect *in);

/* Table cells: text padded to `width` columns on the left (numbers) or right (names). */
int inspect_width(struct fmt_str s); /* columns that cli_print_str takes */
void inspect_cell(struct fmt_str s, int width);
/* "[32000, 4096]"; buf of INSPECT_SHAPE_MAX bytes */
#define INSPECT_SHAPE_MAX 192
const char *inspect_shape(uint32_t n_dims, const uint64_t *dims, char *buf);
void inspect_heading(const struct inspect_opts *o, const char *text);

#endif
