// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Projects;

/// <summary>The quotas of any project of a cloud, as far as the login is let.</summary>
internal sealed class ProjectQuotas(CloudSession session)
{
    /// <param name="project">Its id; null: what a new one gets.</param>
    /// <exception cref="CloudException">Forbidden: this user is not told.</exception>
    public async Task<IReadOnlyDictionary<string, CloudQuota>> ReadAsync(QuotaArea service, string? project,
        CancellationToken ct)
    {
        // What a new one gets is asked of any that there is.
        var id = project ?? (await session.TokenAsync(ct)).ProjectId;
        var answer = await session.GetAsync(Api(service), $"{Path(service, id)}" + (service, project) switch
        {
            (QuotaArea.Compute, null) or (QuotaArea.Volumes, null) => "/defaults",
            (QuotaArea.Networks, null) => "/default",
            (QuotaArea.Compute, _) => "/detail",
            (QuotaArea.Volumes, _) => "?usage=true",
            (QuotaArea.Networks, _) => "/details",
        }, QuotaJson.Default.QuotasAnswer, ct);
        var used = service is QuotaArea.Networks ? "used" : "in_use";
        return (answer.QuotaSet ?? answer.Quota ?? []).Where(q => q.Value.ValueKind is JsonValueKind.Object
            or JsonValueKind.Number).ToDictionary(q => q.Key, q => q.Value.ValueKind is JsonValueKind.Object
                ? CloudQuota.Read(q.Value, used) : new CloudQuota(q.Value.GetInt64(), 0), StringComparer.Ordinal);
    }

    /// <summary>What is not named stays as it is.</summary>
    public Task SetAsync(QuotaArea service, string project, Dictionary<string, long> limits,
        CancellationToken ct) => session.ChangeAsync(Api(service), HttpMethod.Put, Path(service, project),
            service is QuotaArea.Networks ? new QuotasRequest(null, limits) : new QuotasRequest(limits, null),
            QuotaJson.Default.QuotasRequest, ct);

    /// <summary>Those of a new project again.</summary>
    public Task ResetAsync(QuotaArea service, string project, CancellationToken ct) =>
        session.DeleteAsync(Api(service), Path(service, project), ct);

    private static CloudApi Api(QuotaArea service) => service switch
    {
        QuotaArea.Compute => CloudApi.Compute,
        QuotaArea.Volumes => CloudApi.BlockStorage,
        QuotaArea.Networks => CloudApi.Network,
    };

    private static string Path(QuotaArea service, string project) =>
        (service is QuotaArea.Networks ? "quotas/" : "os-quota-sets/") + Uri.EscapeDataString(project);
}

internal sealed record QuotasAnswer(Dictionary<string, JsonElement>? QuotaSet = null,
    Dictionary<string, JsonElement>? Quota = null);

internal sealed record QuotasRequest(Dictionary<string, long>? QuotaSet, Dictionary<string, long>? Quota);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(QuotasAnswer))]
[JsonSerializable(typeof(QuotasRequest))]
internal sealed partial class QuotaJson : JsonSerializerContext;
