# SPDX-License-Identifier: Apache-2.0
"""Roles, users, services and endpoints in a site's Keystone. Safe to repeat."""
from cloud import Cloud, settings

site = settings()
address, password = site['address'], site['password']
admin = Cloud(address, 'admin', 'admin', password)


def project(name):
    return admin.ensure('identity/projects', 'project', {'name': name, 'domain_id': 'default'})['id']


def user(name):
    return admin.ensure('identity/users', 'user', {
        'name': name, 'domain_id': 'default', 'password': password})['id']


def grant(project_id, user_id, *names):
    for name in names:
        admin.call('PUT', f'identity/projects/{project_id}/users/{user_id}/roles/{roles[name]}')


roles = {name: admin.ensure('identity/roles', 'role', {'name': name})['id']
         for name in ('admin', 'member', 'reader', 'service')}
services = project('service')
for name in ('glance', 'placement', 'nova', 'neutron', 'cinder'):
    grant(services, user(name), 'admin', 'service')
# An ordinary user in an ordinary project: what Lifeboat is used by.
grant(project('lifeboat'), user('lifeboat'), 'member', 'reader')

there = {(e['service_id'], e['interface']) for e in admin.get('identity/endpoints')['endpoints']}
for kind, name, url in (
        ('image', 'glance', f'http://{address}:9292'),
        ('placement', 'placement', f'http://{address}:8778'),
        ('compute', 'nova', f'http://{address}:8774/v2.1'),
        ('network', 'neutron', f'http://{address}:9696'),
        ('volumev3', 'cinderv3', f'http://{address}:8776/v3/%(project_id)s')):
    service = admin.ensure('identity/services', 'service', {'name': name, 'type': kind})['id']
    for interface in ('public', 'internal', 'admin'):
        if (service, interface) not in there:
            admin.call('POST', 'identity/endpoints', {'endpoint': {
                'service_id': service, 'interface': interface, 'region_id': site['site'], 'url': url}})
