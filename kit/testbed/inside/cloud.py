# SPDX-License-Identifier: Apache-2.0
"""A small client of one site's APIs for the testbed: plain REST; an error ends the script with its text."""
import sys
import time

import requests

PORTS = {'compute': '8774/v2.1', 'network': '9696/v2.0', 'image': '9292/v2', 'volume': '8776/v3', 'identity': '5000/v3'}


def settings(file='/run/testbed/shared/site.env'):
    """What ./testbed up wrote for the site."""
    with open(file) as lines:
        return dict(line.strip().split('=', 1) for line in lines if '=' in line)


def wait(what, look, seconds):
    """Calls look, which answers (done, what it saw), until it is done."""
    end = time.monotonic() + seconds
    while True:
        try:
            done, seen = look()
        except requests.RequestException as error:  # a service that still starts
            done, seen = False, str(error)
        if done:
            return done
        if time.monotonic() > end:
            sys.exit(f'testbed: waited {seconds} s in vain for {what}; last seen: {str(seen)[:400]}')
        time.sleep(0.5)


class Cloud:
    """One user in one project."""

    def __init__(self, address, user, project, password):
        self.address = address
        self.session = requests.Session()
        domain = {'id': 'default'}
        answer = self.session.post(f'http://{address}:5000/v3/auth/tokens', json={'auth': {
            'identity': {'methods': ['password'], 'password': {'user': {
                'name': user, 'domain': domain, 'password': password}}},
            'scope': {'project': {'name': project, 'domain': domain}}}})
        if answer.status_code != 201:
            sys.exit(f'testbed: Keystone at {address} refuses {user} in {project}: {answer.status_code} {answer.text}')
        self.project = answer.json()['token']['project']['id']
        self.session.headers.update({
            'X-Auth-Token': answer.headers['X-Subject-Token'],
            'OpenStack-API-Version': 'compute 2.90, volume 3.70'})

    def url(self, path):
        """'compute/servers' becomes the address of Nova's servers."""
        service, _, rest = path.partition('/')
        between = f'/{self.project}/' if service == 'volume' else '/'
        return f'http://{self.address}:{PORTS[service]}{between}{rest}'

    def raw(self, method, path, **rest):
        return self.session.request(method, self.url(path), **rest)

    def call(self, method, path, body=None, **rest):
        answer = self.raw(method, path, json=body, **rest) if body is not None else self.raw(method, path, **rest)
        if answer.status_code >= 400:
            sys.exit(f'testbed: {method} {answer.url}: {answer.status_code} {answer.text[:500]}')
        return answer.json() if answer.content and 'json' in answer.headers.get('Content-Type', '') else {}

    def get(self, path, **query):
        return self.call('GET', path, params=query)

    def ensure(self, path, one, body, **query):
        """The one of that name (and of the query), made when it is not there."""
        many = path.rpartition('/')[2].replace('-', '_')
        found = [x for x in self.get(path, name=body['name'], **query)[many] if x['name'] == body['name']]
        return found[0] if found else self.call('POST', path, {one: body})[one]
