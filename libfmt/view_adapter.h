/* A LoRA adapter's directory while it becomes a view: what the two files that read it share. */
#ifndef FMT_VIEW_ADAPTER_H
#define FMT_VIEW_ADAPTER_H

#include "peft.h"
#include "view_impl.h"

struct adapter {
	struct fmt_view *v;
	struct fmt_view_impl *im;
	const struct fmt_view *base;  /* its tensors, without contents */
	const struct fmt_model *m;
	struct peft peft;
	bool *used;                   /* per tensor of `m` */
	uint64_t n, cap;
	struct fmt_err *err;
};

/* Always false. */
bool adapter_fail(struct adapter *a, enum fmt_code code, const struct fmt_tensor *t, const char *what);

/* By its name in the base, behind what PEFT puts in front; also where PEFT was given the model without its head. NULL: there is
 * none. Not yet marked as used. */
const struct fmt_tensor *adapter_look(struct adapter *a, const char *name);

/* Adds a tensor of the view: NAME of the base and an ending. The last of dims is followed by 0. factor: to be multiplied by. */
bool adapter_add(struct adapter *a, const struct fmt_view_tensor *of, const char *end, const uint64_t dims[4], float factor,
                 struct view_source src);

/* view_adapter_experts.c: what PEFT has of a stack of experts that is one parameter of its module (target_parameters). */
bool adapter_experts(struct adapter *a, const struct fmt_view_tensor *of, const struct arch_tensor *row);

#endif
