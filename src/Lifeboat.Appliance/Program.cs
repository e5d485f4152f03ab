// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Runtime.InteropServices;
using Lifeboat.Appliance;

// The one program of a recovery appliance: lifeboat-appliance USER-DATA [SYSFS DEVICES]
// What it prints is the server's console, where the site reads its fingerprint.
if (args.Length is not (1 or 3))
{
    Console.Error.WriteLine("usage: lifeboat-appliance USER-DATA [SYSFS DEVICES]");
    return 2;
}
ApplianceOrder order;
try
{
    order = ApplianceOrder.Parse(await File.ReadAllTextAsync(args[0]));
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
{
    Console.WriteLine($"lifeboat-appliance: {args[0]}: {e.Message}");
    return 1;
}
using var stop = new CancellationTokenSource();
using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
{
    signal.Cancel = true;
    stop.Cancel();
});
using var identity = new ApplianceIdentity(order.Ca, TimeProvider.System);
var devices = args.Length == 3 ? new VolumeDevices(args[1], args[2]) : new VolumeDevices("/sys", "/dev");
await using var server = new ApplianceServer(new IPEndPoint(IPAddress.Any, order.Port), identity, devices,
    text => Console.WriteLine($"lifeboat-appliance: {text}"));
Console.WriteLine($"lifeboat-appliance 1 {order.Name} sha256:{identity.Fingerprint}");
try
{
    await server.RunAsync(TimeProvider.System, stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    // Told to end.
}
return 0;
