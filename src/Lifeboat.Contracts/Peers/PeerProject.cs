// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Contracts.Peers;

/// <param name="Project">Null: the site is no project of a cloud.</param>
public sealed record PeerProject(ProjectDescription? Project);
