/* agent/revocation.c - P15: is a stored certificate revoked? */
#include "agent.h"

void agent_revocation_job(struct agent *ag, const struct ledger_job *job)
{
    agent_job_done(ag, job->id);
}
