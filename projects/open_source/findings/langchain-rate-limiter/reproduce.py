"""InMemoryRateLimiter takes a bucket that can never hold one token, and then never lets a request through."""

import time

from langchain_core.rate_limiters import InMemoryRateLimiter

print("expected: max_bucket_size=0.5 is refused; the docstring says it must be at least 1")
try:
    limiter = InMemoryRateLimiter(requests_per_second=1000, max_bucket_size=0.5)
except ValueError as error:
    print(f"observed: ValueError: {error}")
    raise SystemExit(0) from None
granted = 0
for _ in range(100):  # time for about 200 requests at 1000 a second
    granted += limiter.acquire(blocking=False)
    time.sleep(0.002)
print(f"observed: accepted; {granted} of 100 requests granted, a blocking call would wait for ever")
raise SystemExit(0 if granted else 3)
