# SPDX-License-Identifier: Apache-2.0
"""Waits until all agents of a site are alive, then makes what a user needs: flavors, volume types, the external
network, in the project `lifeboat` a network with a router and an open security group, and the oracle guest as an image.
Safe to repeat."""
import hashlib
import os

from cloud import Cloud, settings, wait

site = settings()
address, floating = site['address'], site['floating']
admin = Cloud(address, 'admin', 'admin', site['password'])
user = Cloud(address, 'lifeboat', 'lifeboat', site['password'])
IMAGE = '/run/testbed/shared/oracle.qcow2'


def services_up(path, wanted):
    def look():
        up = {s['binary'] for s in admin.raw('GET', path).json().get('services', []) if s['state'] == 'up'}
        return wanted <= up, up
    return look


def agents_up():
    up = {a['agent_type'] for a in admin.raw('GET', 'network/agents').json().get('agents', []) if a['alive']}
    return len(up) >= 4, up


def a_hypervisor():
    found = admin.raw('GET', 'compute/os-hypervisors').json().get('hypervisors', [])
    return len(found) > 0, found


def upload():
    with open(IMAGE, 'rb') as file:
        digest = hashlib.sha512(file.read()).hexdigest()
    there = admin.get('image/images', name='oracle')['images']
    if any(i.get('os_hash_value') == digest for i in there):
        return
    # An image of another build keeps its id and its servers, and gives its name to the new one.
    for old in there:
        admin.call('PATCH', f'image/images/{old["id"]}', [{'op': 'replace', 'path': '/name', 'value': 'oracle-old'}],
                   headers={'Content-Type': 'application/openstack-images-v2.1-json-patch'})
    new = admin.call('POST', 'image/images', {
        'name': 'oracle', 'visibility': 'public', 'disk_format': 'qcow2', 'container_format': 'bare', 'min_disk': 1,
        'min_ram': 128, 'hw_firmware_type': 'bios', 'hw_disk_bus': 'virtio', 'hw_vif_model': 'virtio',
        'hw_qemu_guest_agent': 'yes', 'hw_rng_model': 'virtio'})['id']
    with open(IMAGE, 'rb') as file:
        admin.call('PUT', f'image/images/{new}/file', data=file,
                   headers={'Content-Type': 'application/octet-stream'})


wait('Neutron agents', agents_up, 240)
wait('Nova services', services_up('compute/os-services', {'nova-scheduler', 'nova-conductor', 'nova-compute'}), 240)
wait('Cinder services', services_up('volume/os-services', {'cinder-scheduler', 'cinder-volume', 'cinder-backup'}), 240)
wait('a hypervisor', a_hypervisor, 120)
if os.path.exists(IMAGE):
    upload()

# A disk of 0: for servers that boot from a volume.
flavors = {f['name'] for f in admin.get('compute/flavors')['flavors']}
for name, ram, disk in (('oracle', 128, 1), ('oracle.volume', 128, 0), ('small', 320, 2), ('small.volume', 320, 0)):
    if name not in flavors:
        admin.call('POST', 'compute/flavors', {'flavor': {'name': name, 'ram': ram, 'vcpus': 1, 'disk': disk}})
types = {t['name'] for t in admin.get('volume/types')['volume_types']}
for name in {'nfs', 'rbd'} - types:
    admin.call('POST', 'volume/types', {'volume_type': {'name': name, 'extra_specs': {'volume_backend_name': name}}})
admin.call('PUT', f'compute/os-quota-sets/{user.project}', {
    'quota_set': {'instances': 100, 'cores': 100, 'ram': 100000}})
admin.call('PUT', f'volume/os-quota-sets/{user.project}', {'quota_set': {
    'volumes': 500, 'snapshots': 500, 'gigabytes': 5000, 'backups': 500, 'backup_gigabytes': 5000}})

public = admin.ensure('network/networks', 'network', {
    'name': 'public', 'router:external': True, 'provider:network_type': 'flat',
    'provider:physical_network': 'provider'})['id']
admin.ensure('network/subnets', 'subnet', {
    'name': 'public', 'network_id': public, 'ip_version': 4, 'enable_dhcp': False, 'cidr': f'{floating}.0/24',
    'gateway_ip': f'{floating}.1', 'allocation_pools': [{'start': f'{floating}.10', 'end': f'{floating}.250'}]})
lan = user.ensure('network/networks', 'network', {'name': 'lan'}, project_id=user.project)['id']
subnet = user.ensure('network/subnets', 'subnet', {
    'name': 'lan', 'network_id': lan, 'ip_version': 4, 'cidr': '192.168.50.0/24'}, project_id=user.project)['id']
router = user.ensure('network/routers', 'router', {
    'name': 'edge', 'external_gateway_info': {'network_id': public}}, project_id=user.project)['id']
if not user.get('network/ports', device_id=router, network_id=lan)['ports']:
    user.call('PUT', f'network/routers/{router}/add_router_interface', {'subnet_id': subnet})
group = user.ensure('network/security-groups', 'security_group', {'name': 'open'}, project_id=user.project)
have = {r['protocol'] for r in group.get('security_group_rules', []) if r['direction'] == 'ingress'}
for protocol in ('icmp', 'tcp', 'udp'):
    if protocol not in have:
        user.call('POST', 'network/security-group-rules', {'security_group_rule': {
            'security_group_id': group['id'], 'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': protocol}})
