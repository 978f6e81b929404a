/* Workers that share out numbered pieces of work. Results must not depend on who does what. */
#ifndef LIBQUANT_POOL_H
#define LIBQUANT_POOL_H

#include <stddef.h>
#include <stdint.h>

struct quant_pool;

/* n_threads 0: as many as CPUs this process may use. 1: everything runs in the caller. NULL if out of memory or threads. */
unsigned quant_pool_default(void); /* the number that n_threads 0 stands for; at least 1 */
struct quant_pool *quant_pool_create(unsigned n_threads);
void quant_pool_destroy(struct quant_pool *p); /* joins all workers; NULL is fine */
unsigned quant_pool_threads(const struct quant_pool *p);

/* Calls fn(ctx, item, worker) for item = 0 .. n-1, each once, in no particular order; worker < quant_pool_threads.
 * Returns when all are done. p may be NULL: then in the caller, in order. Not reentrant. */
typedef void quant_pool_fn(void *ctx, uint64_t item, unsigned worker);
void quant_pool_run(struct quant_pool *p, uint64_t n, quant_pool_fn *fn, void *ctx);

#endif
