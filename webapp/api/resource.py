"""What all addresses of the API have in common."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import QueryDict
from django.middleware.http import ConditionalGetMiddleware
from django.utils.decorators import decorator_from_middleware, method_decorator
from django.views.decorators.gzip import gzip_page
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference.errors import shown
from webapp.api import paging
from webapp.api.permissions import user_of
from webapp.api.problems import Refused
from webapp.api.throttles import StrangerThrottle
from webapp.explore.access import visible
from webapp.workflows.models import Workflow

with_etag = decorator_from_middleware(ConditionalGetMiddleware)


@method_decorator([gzip_page, with_etag], name="dispatch")
class Resource(APIView):
    """An address of the API: what it is asked for is known to it, or refused.

    Attributes:
        parameters: that a GET may carry, each once.
    """

    parameters: ClassVar[Sequence[str]] = ()
    is_list: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse strangers, whoever asks too often, and parameters that mean nothing here."""
        try:
            super().initial(request, *args, **kwargs)
        except (NotAuthenticated, AuthenticationFailed):
            self._count_stranger(request)
            raise
        self.check_parameters(request.query_params)

    def _count_stranger(self, request: Request) -> None:
        throttle = StrangerThrottle()
        if not throttle.allow_request(request, self):
            self.throttled(request, throttle.wait())

    def check_parameters(self, query: QueryDict) -> None:
        """Refuse names that are no parameters, and those that are given twice."""
        known = [*self.parameters, *(paging.OWN if self.is_list else ())]
        for name, values in query.lists():
            if name not in known:
                raise Refused(
                    f"{shown(name)} is no parameter here: use "
                    f"{', '.join(known) if known else 'none'}."
                )
            if len(values) > 1:
                raise Refused(f"{name} is given {len(values)} times: give it once.")

    def campaign(self, slug: str) -> Workflow:
        """Return a campaign that whoever asks may look at.

        Raises:
            NotFound: there is none of this name for them.
        """
        rows = Workflow.objects.with_tree().filter(slug=slug)
        found = rows.filter(pk__in=visible(user_of(self.request))).first()
        if found is None:
            raise NotFound(
                f"There is no campaign {shown(slug)} for you: /api/workflows/ lists those that "
                f"there are."
            )
        return found

    def place(self) -> paging.Place:
        """Return which page is asked for."""
        return paging.Place.of(self.request.path, self.request.query_params)

    def page(
        self,
        shape: Any,
        rows: Sequence[Any],
        place: paging.Place,
        *,
        after: int | None,
        **context: Any,
    ) -> Response:
        """Answer a page.

        Args:
            shape: the serializer of a row; it is given the request and the context.
            after: the id of the last row if others follow.
        """
        address = None if after is None else place.next(after)
        following = address and self.request.build_absolute_uri(address)
        results = shape(rows, many=True, context={"request": self.request, **context}).data
        return Response({"results": results, "next": following})
