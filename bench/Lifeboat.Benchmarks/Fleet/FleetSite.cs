// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Benchmarks.Fleet;

/// <summary>
/// A site without hosts: its guests are known by their names and always run; copies of drills and bubbles are files in
/// a folder that all controllers of the site share. What is removed is moved to `past`, so that what is there and what
/// was there are all effects that there were, whoever was killed when.
/// </summary>
internal sealed class FleetSite(string site, string folder) : ISite, IMakesBubbles, IProbesGuests
{
    private const string Aside = ".aside-";

    private string Copies => Directory.CreateDirectory(Path.Combine(folder, "copies")).FullName;
    private string Bubbles => Directory.CreateDirectory(Path.Combine(folder, "bubbles")).FullName;

    private string Past => PastOf(folder);

    /// <summary>A line for every copy that was started and every bubble that was made.</summary>
    public static IReadOnlyList<string> Effects(string folder) =>
    [
        .. from kind in (string[])["copies", "bubbles"]
           from place in (string[])[Path.Combine(folder, kind), Path.Combine(PastOf(folder), kind)]
           where Directory.Exists(place)
           from file in Directory.EnumerateFiles(place)
           let name = Path.GetFileName(file)
           where !name.Contains(Aside, StringComparison.Ordinal)
           select $"{(kind == "copies" ? "start" : "bubble")} {name.Split('~')[0]}",
    ];

    public Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<SiteInstance>>(
            [.. NamesOf(Copies).Select(Find).OfType<SiteInstance>()]);

    public Task<SiteInstance> GetAsync(string instance, CancellationToken ct) => Task.FromResult(Find(instance)
        ?? throw new SiteException(SiteFault.InstanceUnknown, $"there is no instance {instance}"));

    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        // What is there already is left alone, so only the first of two attempts has an effect.
        if (FleetNames.Find(site, request.Instance) is not { } guest)
        {
            Make(Path.Combine(Copies, request.Instance),
                JsonSerializer.Serialize(request.Description, ContractJson.Options));
            guest = FleetNames.Running(request.Instance, request.Description);
        }
        return Task.FromResult(guest);
    }

    public Task StopAsync(string instance, CancellationToken ct) => RemoveAsync(instance, ct);

    public Task RemoveAsync(string instance, CancellationToken ct)
    {
        Remove(Copies, instance);
        return Task.CompletedTask;
    }

    public Task ShutDownAsync(string instance, TimeSpan limit, CancellationToken ct) => StopAsync(instance, ct);

    public Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, CancellationToken ct) =>
        Task.FromResult(SiteFit.Whole);

    public Task CreateBubbleAsync(string bubble, IReadOnlyList<InstanceDescription> members, CancellationToken ct)
    {
        Make(Path.Combine(Bubbles, bubble), "");
        return Task.CompletedTask;
    }

    public Task<string> OpenWayInAsync(string bubble, string instance, int port, string from, CancellationToken ct) =>
        throw new SiteException(SiteFault.Refused, "a fleet has no way in");

    public Task DeleteBubbleAsync(string bubble, CancellationToken ct)
    {
        Remove(Bubbles, bubble);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> TracesAsync(string bubble, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(
            File.Exists(Path.Combine(Bubbles, bubble)) ? [$"bubble {bubble}"] : []);

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

    // Each is one rename, so it has taken place or it has not.
    private static void Make(string path, string content)
    {
        if (File.Exists(path)) return;
        var aside = $"{path}{Aside}{Guid.NewGuid():N}";
        File.WriteAllText(aside, content);
        File.Move(aside, path, overwrite: true);
    }

    private void Remove(string place, string name)
    {
        var past = Directory.CreateDirectory(Path.Combine(Past, Path.GetFileName(place))).FullName;
        try
        {
            File.Move(Path.Combine(place, name), Path.Combine(past, $"{name}~{Guid.NewGuid():N}"));
        }
        catch (FileNotFoundException)
        {
            // It is removed already.
        }
    }

    private static IEnumerable<string> NamesOf(string place) => Directory.EnumerateFiles(place)
        .Select(f => Path.GetFileName(f)).Where(n => !n.Contains(Aside, StringComparison.Ordinal));

    private static string PastOf(string folder) => Path.Combine(folder, "past");
}
