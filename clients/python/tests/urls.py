from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page

calls = []


@cache_page(60)
def page(request):
    calls.append(request.get_full_path())
    return HttpResponse('page %d' % len(calls), content_type='text/plain')


urlpatterns = [path('page/', page)]
