// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// A site without hosts: its guests are known by their names and always run; copies of drills are files in a folder
/// that all controllers of the site share, and every effect is a line of `effects.log` there.
/// </summary>
internal sealed class FleetSite(string site, string folder) : ISite, IMakesBubbles, IProbesGuests
{
    private string Copies => Directory.CreateDirectory(Path.Combine(folder, "copies")).FullName;
    private string Bubbles => Directory.CreateDirectory(Path.Combine(folder, "bubbles")).FullName;

    public static string Log(string folder) => Path.Combine(folder, "effects.log");

    public Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<SiteInstance>>(
            [.. Directory.EnumerateFiles(Copies).Select(f => Find(Path.GetFileName(f))).OfType<SiteInstance>()]);

    public Task<SiteInstance> GetAsync(string instance, CancellationToken ct) => Task.FromResult(Find(instance)
        ?? throw new SiteException(SiteFault.InstanceUnknown, $"there is no instance {instance}"));

    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        // What is there already is left alone, so only the first of two attempts has an effect.
        if (FleetNames.Find(site, request.Instance) is not { } guest)
        {
            var path = Path.Combine(Copies, request.Instance);
            if (!File.Exists(path))
            {
                var aside = $"{path}.{Guid.NewGuid():N}";
                File.WriteAllText(aside, JsonSerializer.Serialize(request.Description, ContractJson.Options));
                File.Move(aside, path, overwrite: true);
                Note("start", request.Instance);
            }
            guest = FleetNames.Running(request.Instance, request.Description);
        }
        return Task.FromResult(guest);
    }

    public Task StopAsync(string instance, CancellationToken ct) => RemoveAsync(instance, ct);

    public Task RemoveAsync(string instance, CancellationToken ct)
    {
        var path = Path.Combine(Copies, instance);
        if (File.Exists(path)) Note("stop", instance);
        File.Delete(path);
        return Task.CompletedTask;
    }

    public Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct) => StopAsync(instance, ct);

    public Task<IReadOnlyList<string>> GapsAsync(InstanceDescription description, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>([]);

    public Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct)
    {
        var path = Path.Combine(Bubbles, bubble);
        if (!Directory.Exists(path)) Note("bubble", bubble);
        Directory.CreateDirectory(path);
        return Task.CompletedTask;
    }

    public Task<string> OpenWayInAsync(string bubble, string instance, int port, CancellationToken ct) =>
        throw new SiteException(SiteFault.Refused, "a fleet has no way in");

    public Task DeleteBubbleAsync(string bubble, CancellationToken ct)
    {
        var path = Path.Combine(Bubbles, bubble);
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(
            Directory.Exists(Path.Combine(Bubbles, bubble)) ? [$"bubble {bubble}"] : []);

    public Task<bool> AgentAnswersAsync(string instance, CancellationToken ct) => Task.FromResult(true);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> AddressesAsync(string instance,
        CancellationToken ct) =>
        Task.FromResult<IReadOnlyDictionary<string, IReadOnlyList<string>>>(
            new Dictionary<string, IReadOnlyList<string>>());

    public Task<bool> TcpAnswersAsync(string instance, int port, CancellationToken ct) =>
        Task.FromResult(Find(instance) is not null);

    public Task<GuestCommandResult> RunInGuestAsync(string instance, IReadOnlyList<string> command, TimeSpan limit,
        CancellationToken ct) => Task.FromResult(new GuestCommandResult(0, ""));

    private SiteInstance? Find(string instance)
    {
        if (FleetNames.Find(site, instance) is { } guest) return guest;
        var path = Path.Combine(Copies, instance);
        if (!File.Exists(path)) return null;
        return FleetNames.Running(instance,
            JsonSerializer.Deserialize<InstanceDescription>(File.ReadAllText(path), ContractJson.Options)!);
    }

    // One write of a line in append mode: whole whoever writes beside it.
    private void Note(string what, string about)
    {
        using var log = new FileStream(Log(folder), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 1);
        log.Write(System.Text.Encoding.UTF8.GetBytes($"{what} {about}\n"));
    }
}
