/* A pool of threads that sleep between runs. The caller of a run is worker 0 and works as well. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include <libquant/pool.h>

#include "cpu_count.h"

struct worker {
	struct quant_pool *pool;
	unsigned index;
	pthread_t thread;
};

struct quant_pool {
	unsigned n_threads;
	struct worker *workers; /* 0 is the caller: it has no thread of its own */
	unsigned n_started;     /* threads to join */
	pthread_mutex_t lock;
	pthread_cond_t wake;    /* a new run, or the end */
	pthread_cond_t idle;    /* n_busy has become 0 */
	uint64_t run;           /* counts the runs: a worker takes part in each once */
	unsigned n_busy;        /* threads that have not finished the current run */
	bool quit;
	/* the current run */
	quant_pool_fn *fn;
	void *ctx;
	uint64_t n_items;
	atomic_uint_fast64_t next;
};

static void work(struct quant_pool *p, unsigned worker)
{
	for (;;) {
		uint64_t item = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);

		if (item >= p->n_items)
			return;
		p->fn(p->ctx, item, worker);
	}
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;
	struct quant_pool *p = w->pool;
	uint64_t seen = 0;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->run == seen && !p->quit)
			pthread_cond_wait(&p->wake, &p->lock);
		if (p->quit)
			break;
		seen = p->run;
		pthread_mutex_unlock(&p->lock);
		work(p, w->index);
		pthread_mutex_lock(&p->lock);
		if (!--p->n_busy)
			pthread_cond_signal(&p->idle);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are for the program's main thread: workers block all of them. */
static bool start_threads(struct quant_pool *p)
{
	sigset_t all, before;
	bool ok = true;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 1; ok && i < p->n_threads; i++) {
		p->workers[i] = (struct worker){ .pool = p, .index = i };
		ok = !pthread_create(&p->workers[i].thread, NULL, thread_main, &p->workers[i]);
		p->n_started += ok;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

unsigned quant_pool_default(void)
{
	return quant_cpu_count();
}

struct quant_pool *quant_pool_create(unsigned n_threads)
{
	struct quant_pool *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->n_threads = n_threads ? n_threads : quant_pool_default();
	p->workers = calloc(p->n_threads, sizeof *p->workers);
	if (!p->workers) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->idle, NULL);
	if (!start_threads(p)) {
		quant_pool_destroy(p);
		return NULL;
	}
	return p;
}

void quant_pool_destroy(struct quant_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 1; i <= p->n_started; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->idle);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p->workers);
	free(p);
}

unsigned quant_pool_threads(const struct quant_pool *p)
{
	return p ? p->n_threads : 1;
}

void quant_pool_run(struct quant_pool *p, uint64_t n, quant_pool_fn *fn, void *ctx)
{
	if (!p || p->n_threads == 1 || n <= 1) {
		for (uint64_t i = 0; i < n; i++)
			fn(ctx, i, 0);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->ctx = ctx;
	p->n_items = n;
	atomic_store_explicit(&p->next, 0, memory_order_relaxed);
	p->n_busy = p->n_started;
	p->run++;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);

	work(p, 0);

	pthread_mutex_lock(&p->lock);
	while (p->n_busy)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
