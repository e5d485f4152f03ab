# SPDX-License-Identifier: Apache-2.0
"""One server as an ordinary user has it, from nothing to nothing: boots from a volume (rbd) with a data volume (nfs),
gets a floating address, is pinged, and its oracle is asked twice whether it wrote. A line per step with the seconds
since the start. Runs with the site's files but on the network of the machine: what it reaches, anybody there does.
    smoke.py SITE.ENV"""
import subprocess
import sys
import time

import requests

from cloud import Cloud, settings, wait

site = settings(sys.argv[1])
user = Cloud(site['address'], 'lifeboat', 'lifeboat', site['password'])
begin = time.monotonic()
undo = []


def say(text):
    print(f'testbed: smoke, {time.monotonic() - begin:5.1f} s: {text}', flush=True)


def one(path, many, name):
    found = [x for x in user.get(path)[many] if x['name'] == name]
    return found[0]['id'] if found else sys.exit(f'testbed: site {site["site"]} has no {path} named {name}')


def reaches(path, key, *states):
    def look():
        status = user.get(path)[key]['status'].lower()
        if status == 'error':
            sys.exit(f'testbed: {path} is in error: {user.get(path)[key].get("fault")}')
        return status in states, status
    return look


def gone(path):
    def look():
        code = user.raw('GET', path).status_code
        return code == 404, code
    return look


def volume(name, kind, **source):
    made = user.call('POST', 'volume/volumes', {'volume': dict(name=name, size=1, volume_type=kind, **source)})
    path = f'volume/volumes/{made["volume"]["id"]}'

    def remove():
        wait(f'{name} to be free', reaches(path, 'volume', 'available'), 120)
        user.call('DELETE', path)
        wait(f'{name} to be gone', gone(path), 120)
    undo.append(remove)
    wait(name, reaches(path, 'volume', 'available'), 240)
    return made['volume']['id']


def boot(boot_volume, data_volume):
    mapping = [{'boot_index': index, 'uuid': uuid, 'source_type': 'volume', 'destination_type': 'volume'}
               for index, uuid in ((0, boot_volume), (-1, data_volume))]
    path = 'compute/servers/' + user.call('POST', 'compute/servers', {'server': {
        'name': 'smoke', 'flavorRef': one('compute/flavors', 'flavors', 'oracle.volume'),
        'networks': [{'uuid': one('network/networks', 'networks', 'lan')}],
        'security_groups': [{'name': 'open'}], 'block_device_mapping_v2': mapping}})['server']['id']

    def remove():
        user.call('DELETE', path)
        wait('the server to be gone', gone(path), 180)
    undo.append(remove)
    wait('the server', reaches(path, 'server', 'active'), 300)
    return path.rpartition('/')[2]


def float_address(server):
    port = user.get('network/ports', device_id=server)['ports'][0]['id']
    made = user.call('POST', 'network/floatingips', {'floatingip': {
        'floating_network_id': one('network/networks', 'networks', 'public'), 'port_id': port}})['floatingip']
    undo.append(lambda: user.call('DELETE', f'network/floatingips/{made["id"]}'))
    return made['floating_ip_address']


def pings(address):
    done = subprocess.run(['ping', '-c', '1', '-W', '1', address], capture_output=True, text=True)
    return done.returncode == 0, done.stdout


def records(address):
    """What the oracle says: how many records are durable; 0 while it does not answer."""
    try:
        lines = requests.get(f'http://{address}:8080/', timeout=5).text.splitlines()
    except requests.RequestException:
        return 0
    said = dict(line.split(' ', 1) for line in lines if ' ' in line)
    return int(said.get('records', 0)) if said.get('state') == 'writing' else 0


def run():
    boot_volume = volume('smoke-boot', 'rbd', imageRef=one('image/images', 'images', 'oracle'))
    data_volume = volume('smoke-data', 'nfs')
    say('boot volume on rbd and data volume on nfs')
    server = boot(boot_volume, data_volume)
    say('server active')
    address = float_address(server)
    wait(f'a ping of {address}', lambda: pings(address), 180)
    say(f'{address} answers a ping')
    wait('the oracle', lambda: (records(address) > 0, 'no record'), 180)
    first = records(address)
    wait('another record', lambda: (records(address) > first, first), 60)
    say(f'the oracle writes: {records(address)} records on its disks')


try:
    run()
finally:
    for step in reversed(undo):
        step()
    say('all deleted')
