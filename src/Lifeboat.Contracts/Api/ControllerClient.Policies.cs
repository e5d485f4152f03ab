// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

public sealed partial class ControllerClient
{
    public Task<IReadOnlyList<NamedPolicy>> PoliciesAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<NamedPolicy>>(HttpMethod.Get, "v1/policies", null, ct);

    public Task<NamedPolicy> PolicyAsync(string policy, CancellationToken ct) =>
        AskAsync<NamedPolicy>(HttpMethod.Get, $"v1/policies/{Escape(policy)}", null, ct);

    public Task<NamedPolicy> CreatePolicyAsync(CreatePolicyRequest request, CancellationToken ct) =>
        AskAsync<NamedPolicy>(HttpMethod.Post, "v1/policies", request, ct);

    /// <summary>Changes a named policy; the groups that follow it and run at this site follow at once.</summary>
    public Task<NamedPolicy> ChangeNamedPolicyAsync(string policy, NamedPolicyChange change, CancellationToken ct) =>
        AskAsync<NamedPolicy>(HttpMethod.Patch, $"v1/policies/{Escape(policy)}", change, ct);

    /// <summary>Refused (Conflict) while groups follow it.</summary>
    public Task DeletePolicyAsync(string policy, CancellationToken ct) =>
        TellAsync(HttpMethod.Delete, $"v1/policies/{Escape(policy)}", null, ct);

    /// <summary>Says which site's changes stay of those that contradict each other.</summary>
    public Task<NamedPolicy> SettlePolicyAsync(string policy, SettleRequest request, CancellationToken ct) =>
        AskAsync<NamedPolicy>(HttpMethod.Post, $"v1/policies/{Escape(policy)}/settle", request, ct);

    /// <summary>As <see cref="SettlePolicyAsync"/>, of a group, at either of its sites.</summary>
    public Task<GroupInfo> SettleGroupAsync(string group, SettleRequest request, CancellationToken ct) =>
        AskAsync<GroupInfo>(HttpMethod.Post, $"v1/groups/{Escape(group)}/settle", request, ct);

    public Task<IReadOnlyList<GroupPlan>> PlansAsync(CancellationToken ct) =>
        AskAsync<IReadOnlyList<GroupPlan>>(HttpMethod.Get, "v1/plans", null, ct);

    public Task<GroupPlan> GroupPlanAsync(string group, CancellationToken ct) =>
        AskAsync<GroupPlan>(HttpMethod.Get, $"v1/groups/{Escape(group)}/plan", null, ct);

    /// <summary>Changes what runs of the group are made from. To be asked where its instances run.</summary>
    public Task<GroupPlan> ChangePlanAsync(string group, PlanChange change, CancellationToken ct) =>
        AskAsync<GroupPlan>(HttpMethod.Patch, $"v1/groups/{Escape(group)}/plan", change, ct);

    /// <summary>
    /// Makes what is there as the files declare it, or says what that would change. All faults of all files at once,
    /// and then nothing is done.
    /// </summary>
    public Task<ApplyResult> ApplyAsync(ApplyRequest request, CancellationToken ct) =>
        AskAsync<ApplyResult>(HttpMethod.Post, "v1/declarations", request, ct);

    /// <summary>What is there, as YAML that applies to no change.</summary>
    public Task<string> ExportAsync(CancellationToken ct) => TextAsync("v1/declarations", ct);
}
