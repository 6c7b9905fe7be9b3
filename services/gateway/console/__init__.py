"""The operators' console: server-rendered pages over the gateway's own reads.

Pages: sign-in, one's own account, the pipeline with its live counts, cases, one case, flights, one flight, delivery to
agencies for who looks after them, and notices for data protection. What is shown comes from the reads of the API, or
of the partners' service; each page names its permission, and who isn't signed in is sent to sign in.
"""

from fastapi import APIRouter

from services.gateway.console import access, account, agencies, assets, notices, pages, provider, sign_in

router = APIRouter(include_in_schema=False)
for each in (
    assets.router,
    sign_in.router,
    provider.router,
    account.router,
    notices.router,
    agencies.router,
    access.router,
    pages.router,
):
    router.include_router(each)
