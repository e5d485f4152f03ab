// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lifeboat.Appliance;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Appliances;

namespace Lifeboat.Tests.Sites.OpenStack.Appliances;

/// <summary>
/// The program of an appliance, in this process, with files for devices: what sysfs says of them is written as the
/// kernel writes it. Certificates are as a site has them.
/// </summary>
internal sealed class TestAppliance : IAsyncDisposable
{
    public const string Volume = "0f5a7c1e-93d2-4b60-8c44-2f1de07a9b35";
    private readonly CancellationTokenSource _stop = new();
    private readonly X509Certificate2 _ca;
    private readonly ECDsa _caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ApplianceIdentity _identity;
    private readonly ApplianceServer _server;
    private readonly Task _running;

    public TestAppliance()
    {
        var request = new CertificateRequest("CN=b, OU=ca", _caKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        _ca = request.CreateSelfSigned(now.AddMinutes(-10), now.AddDays(1));
        Directory.CreateDirectory(Path.Combine(Folder, "sys", "block"));
        Directory.CreateDirectory(Path.Combine(Folder, "dev"));
        _identity = new ApplianceIdentity(_ca, TimeProvider.System);
        _server = new ApplianceServer(new IPEndPoint(IPAddress.Loopback, 0), _identity,
            new VolumeDevices(Path.Combine(Folder, "sys"), Path.Combine(Folder, "dev")), Said.Enqueue);
        _running = _server.RunAsync(TimeProvider.System, _stop.Token);
    }

    // Beside the tests: /tmp may be a file system that has no direct I/O.
    public string Folder { get; } =
        Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, $"appliance-{Guid.NewGuid():n}")).FullName;
    public ConcurrentQueue<string> Said { get; } = [];
    public X509Certificate2 Ca => _ca;
    public string Fingerprint => _identity.Fingerprint;
    public IPEndPoint Address => (IPEndPoint)_server.LocalEndPoint;
    public string Device => Path.Combine(Folder, "dev", "vdb");

    /// <summary>A volume is put in, full of what somebody left there.</summary>
    public void Attach(int sizeBytes)
    {
        var rest = new byte[sizeBytes];
        rest.AsSpan().Fill(0xa5);
        File.WriteAllBytes(Device, rest);
        var block = Directory.CreateDirectory(Path.Combine(Folder, "sys", "block", "vdb")).FullName;
        File.WriteAllText(Path.Combine(block, "serial"), Volume[..20] + "\n");
    }

    public void Detach() => Directory.Delete(Path.Combine(Folder, "sys", "block", "vdb"), recursive: true);

    public X509Certificate2 Certificate(string unit)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=b, OU={unit}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        using var made = request.Create(_ca.SubjectName, X509SignatureGenerator.CreateForECDsa(_caKey),
            _ca.NotBefore, _ca.NotAfter, RandomNumberGenerator.GetBytes(16));
        return made.CopyWithPrivateKey(key);
    }

    /// <summary>As the site does, until the appliance has seen the volume.</summary>
    public async Task<ApplianceVolume> OpenAsync(CancellationToken ct)
    {
        using var own = Certificate("controller");
        while (true)
        {
            try
            {
                return await ApplianceVolume.OpenAsync(Address, Fingerprint, own, Volume, 1, TimeProvider.System, ct);
            }
            catch (SiteException) when (!ct.IsCancellationRequested)
            {
                await Task.Delay(50, ct);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _running);
        await _server.DisposeAsync();
        _identity.Dispose();
        _ca.Dispose();
        _caKey.Dispose();
        _stop.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
